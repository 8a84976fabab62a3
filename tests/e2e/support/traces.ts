import assert from "node:assert/strict";
import { run } from "../../../lib/host/process/run.ts";

/** Programs that nixbox leaves running beside a machine. */
const daemons =
  /qemu-system|microvm@|vfkit|internal-proxy|nc -U|virtiofsd|dnsmasq --conf-file=\/run\/nixbox|haproxy|nixbox-watch|nixbox-machine-watch|ssh_config/;

/** Everything on this host that a machine of nixbox could have left: one line each. */
export async function traces(): Promise<string[]> {
  const found: string[] = [];
  const { stdout: links } = await run(["ip", "-o", "link"]);
  found.push(...links.split("\n").filter((line) => /\bnbx\d+/.test(line)));
  const { stdout: namespaces } = await run(["ip", "netns", "list"]);
  found.push(...namespaces.split("\n").filter((line) => /^nbx\d+/.test(line)));
  const { stdout: rules } = await run(["ip", "rule", "show"]);
  found.push(...rules.split("\n").filter((line) => /^9\d\d\d:/.test(line)));
  const { stdout: tables } = await run(["sudo", "nft", "list", "tables"]);
  found.push(...tables.split("\n").filter((line) => line.includes("nixbox")));
  const { stdout: processes } = await run(["ps", "-eo", "pid=,stat=,args="]);
  found.push(
    ...processes.split("\n").filter((line) => daemons.test(line) && !/^\s*\d+\s+Z/.test(line)),
  );
  const uid = Deno.uid() ?? 0;
  const runtime = Deno.env.get("XDG_RUNTIME_DIR");
  for (
    const directory of [
      "/run/nixbox/slots",
      "/run/nixbox/vm",
      runtime === undefined ? `/run/nixbox/users/${uid}` : `${runtime}/nixbox`,
      `/dev/shm/nixbox-${uid}`,
      "/run/nixbox/users/1000",
      "/run/user/0/nixbox",
      "/run/user/1000/nixbox",
      `${Deno.env.get("HOME")}/.local/state/nixbox/machines`,
      `${Deno.env.get("HOME")}/.local/state/nixbox/run`,
    ]
  ) {
    found.push(...await entries(directory));
  }
  const forward = (await Deno.readTextFile("/proc/sys/net/ipv4/ip_forward")).trim();
  if (forward !== "0") found.push(`ip_forward is ${forward}`);
  return found;
}

async function entries(directory: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(directory)) names.push(`${directory}/${entry.name}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return names;
}

/** Fails if any machine has left a process, tap, rule, claim or file behind. */
export async function assertNothingLeft(): Promise<void> {
  assert.deepEqual(await traces(), []);
}
