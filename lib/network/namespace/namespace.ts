import { runAsRoot } from "../../host/root/as_root.ts";
import { exists } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import type { Finished, RunOptions } from "../../host/process/run.ts";
import type { SlotAddresses } from "../policy/addresses.ts";

/** Where ip-netns(8) keeps a namespace. */
export function namespacePath(namespace: string): string {
  return `/run/netns/${namespace}`;
}

/** The command that runs `argv` in a namespace (nsenter(1)); root's. */
export function inNamespace(namespace: string, argv: readonly string[]): readonly string[] {
  return ["nsenter", `--net=${namespacePath(namespace)}`, "--", ...argv];
}

/**
 * Runs a program as root in a slot's namespace.
 *
 * @throws {CommandError} as `run` does.
 */
export async function runInNamespace(
  host: Pick<Host, "which" | "privilege">,
  slot: Pick<SlotAddresses, "namespace">,
  argv: readonly string[],
  stdin?: string,
  options: Pick<RunOptions, "accept" | "timeoutMs"> = {},
): Promise<Finished> {
  const [program = "", ...args] = argv;
  const path = await host.which(program) ?? program;
  return await runAsRoot(host, inNamespace(slot.namespace, [path, ...args]), stdin, options);
}

/** Takes a slot's namespace away: what is in it ends with its last process. */
export async function deleteNamespace(host: Host, namespace: string): Promise<void> {
  if (!await exists(namespacePath(namespace))) return;
  await runAsRoot(host, ["ip", "netns", "delete", namespace]);
}
