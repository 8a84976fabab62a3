import type { Host } from "../../host/host.ts";
import { runAsRoot } from "../../host/root/as_root.ts";
import { endProcess } from "../../host/root/end_process.ts";
import { processesSeenByRoot } from "../../host/root/root_processes.ts";
import { NixboxError } from "../../base/error.ts";
import { readTail, readTextIfExists } from "../../host/files/files.ts";
import { lastLines } from "../../host/process/run.ts";
import { waitFor } from "../../base/wait.ts";
import type { InspectorPaths } from "./inspector.ts";
import { runInNamespace } from "../namespace/namespace.ts";

/** The texts of one slot's inspector, and where it will listen. */
export interface InspectorFiles {
  /** Where they go. */
  readonly paths: InspectorPaths;
  /** HAProxy's config. */
  readonly config: string;
  /** What it runs in Lua. */
  readonly program: string;
  /** Patterns of names with their verdicts. */
  readonly names: string;
  /** The user id that it runs as. */
  readonly uid: number;
  /** The namespace that it runs in. */
  readonly namespace: string;
  /** Ports that it listens on once it is ready. */
  readonly ports: readonly number[];
}

// HAProxy writes its log to stdout, which stays open when it has gone into its jail.
const start = 'ulimit -c 0; exec "$@" >>"$0" 2>&1 </dev/null';

/**
 * Starts a slot's inspector and waits until it listens. Runs beside an earlier one, which goes on
 * with the connections that it has (`finish`), or ends with them (`stop`).
 *
 * @throws {NixboxError} with HAProxy's own words.
 */
export async function startInspector(
  host: Host,
  files: InspectorFiles,
  earlier: "finish" | "stop" = "stop",
): Promise<void> {
  const { paths, config, names, uid, ports } = files;
  await runAsRoot(host, ["install", "-d", "-m", "755", paths.jail]);
  await runAsRoot(host, ["tee", paths.clientHello], files.program);
  await runAsRoot(host, ["tee", paths.names], names);
  await runAsRoot(host, ["tee", paths.config], config);
  const haproxy = await host.which("haproxy") ?? "haproxy";
  const before = await (await processesSeenByRoot(host)).ownedBy(uid);
  const handing = before.length === 0
    ? []
    : [earlier === "finish" ? "-sf" : "-st", ...before.map(String)];
  const argv = [haproxy, "-db", "-f", paths.config, ...handing];
  await runInNamespace(host, files, ["setsid", "--fork", "sh", "-c", start, paths.log, ...argv]);
  const ready = await waitFor(async () => {
    const pid = (await (await processesSeenByRoot(host)).ownedBy(uid)).find((one) =>
      !before.includes(one)
    );
    return pid !== undefined && await listens(host, pid, ports) ? true : undefined;
  }, { timeoutMs: 5000, firstDelayMs: 10, longestDelayMs: 100 });
  if (ready) return;
  throw new NixboxError("the inspector of TLS and HTTP (haproxy) did not start", {
    hint: "the lines above are its own; `network.inspect = false` does without it",
    log: lastLines(await readTail(paths.log), 12),
  });
}

/**
 * Whether somebody in the namespace of a process listens on all the ports (proc_pid_net(5): the state
 * 0A is LISTEN). A process that has changed its user has bound them before.
 */
async function listens(host: Host, pid: number, ports: readonly number[]): Promise<boolean> {
  const table = await tcpTable(host, `/proc/${pid}/net/tcp`);
  const open = [...table.matchAll(/^\s*\d+: [0-9A-F]{8}:([0-9A-F]{4}) \S+ 0A /gm)]
    .map(([, port = ""]) => Number.parseInt(port, 16));
  return ports.every((port) => open.includes(port));
}

/** Where /proc is mounted with hidepid, root is asked. */
async function tcpTable(host: Host, path: string): Promise<string> {
  const text = await readTextIfExists(path).catch(() => undefined);
  return text ?? (await runAsRoot(host, ["cat", path], undefined, { accept: "any" })).stdout;
}

/** Ends every process of a slot's inspector. */
export async function stopInspector(host: Host, uid: number): Promise<void> {
  for (const pid of await (await processesSeenByRoot(host)).ownedBy(uid)) {
    const identity = await (await processesSeenByRoot(host)).identify(pid);
    if (typeof identity === "object") {
      await endProcess(host, identity, { graceMs: 300, asRoot: true });
    }
  }
}
