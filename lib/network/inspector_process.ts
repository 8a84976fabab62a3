import type { Host } from "../host/host.ts";
import { runAsRoot } from "../host/as_root.ts";
import { endProcess } from "../host/end_process.ts";
import { processesSeenByRoot } from "../host/root_processes.ts";
import { messageOf, NixboxError } from "../host/error.ts";
import { readTail } from "../host/files.ts";
import { lastLines } from "../host/process.ts";
import { waitFor } from "../host/wait.ts";
import { clientHelloReader } from "./client_hello.ts";
import type { InspectorPaths } from "./inspector.ts";

/** The texts of one slot's inspector, and where it will listen. */
export interface InspectorFiles {
  /** Where they go. */
  readonly paths: InspectorPaths;
  /** HAProxy's config. */
  readonly config: string;
  /** Patterns of names with their verdicts. */
  readonly names: string;
  /** The user id that it runs as. */
  readonly uid: number;
  /** Address and ports that answer once it is ready. */
  readonly listens: { readonly address: string; readonly ports: readonly number[] };
}

// HAProxy writes its log to stdout, which stays open when it has gone into its jail.
const start = 'exec "$@" >>"$0" 2>&1 </dev/null';

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
  const { paths, config, names, uid, listens } = files;
  await runAsRoot(host, ["install", "-d", "-m", "755", paths.jail]);
  await runAsRoot(host, ["tee", paths.clientHello], clientHelloReader);
  await runAsRoot(host, ["tee", paths.names], names);
  await runAsRoot(host, ["tee", paths.config], config);
  const haproxy = await host.which("haproxy") ?? "haproxy";
  const before = await (await processesSeenByRoot(host)).ownedBy(uid);
  const handing = before.length === 0
    ? []
    : [earlier === "finish" ? "-sf" : "-st", ...before.map(String)];
  const argv = [haproxy, "-db", "-f", paths.config, ...handing];
  await runAsRoot(host, ["setsid", "--fork", "sh", "-c", start, paths.log, ...argv]);
  const isNew = async () =>
    (await (await processesSeenByRoot(host)).ownedBy(uid)).some((pid) => !before.includes(pid));
  const ready = await waitFor(
    async () => await isNew() && await answers(listens) ? true : undefined,
    { timeoutMs: 5000, firstDelayMs: 10, longestDelayMs: 100 },
  );
  if (ready) return;
  throw new NixboxError("the inspector of TLS and HTTP (haproxy) did not start", {
    hint: "the lines above are its own; `network.inspect = false` does without it",
    log: lastLines(await readTail(paths.log), 12),
  });
}

async function answers(listens: InspectorFiles["listens"]): Promise<boolean> {
  for (const port of listens.ports) {
    try {
      (await Deno.connect({ hostname: listens.address, port })).close();
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionRefused) return false;
      throw new NixboxError(`the inspector cannot be reached: ${messageOf(error)}`, {
        where: `${listens.address}:${port}`,
      });
    }
  }
  return true;
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
