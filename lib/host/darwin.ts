import type { Host, ProcessTable, UserFacts } from "./host.ts";
import { NixboxError } from "./error.ts";
import { basePaths, findProgram, memoryFacts } from "./common.ts";
import { privilegeOf } from "./privilege.ts";
import { run } from "./process.ts";

/** The runtime module for macOS on Apple silicon. Not run on a Mac here; the README's platform table says what was. */
export function detectDarwin(): Host {
  if (Deno.build.arch !== "aarch64") {
    throw new NixboxError("nixbox on macOS needs Apple silicon; this is an Intel Mac");
  }
  const user: UserFacts = {
    name: Deno.env.get("USER") ?? "nixbox",
    uid: Deno.uid() ?? 501,
    gid: Deno.gid() ?? 20,
    home: Deno.env.get("HOME") ?? "/",
  };
  return {
    os: "darwin",
    nixSystem: "aarch64-darwin",
    cpus: navigator.hardwareConcurrency,
    user,
    paths: basePaths(user, (name) => Deno.env.get(name)),
    processes: darwinProcesses(),
    privilege: privilegeOf(user.uid),
    memory: memoryFacts,
    which: (program) => findProgram(program, ["/usr/sbin", "/sbin", "/opt/homebrew/bin"]),
    async acceleration() {
      // kern.hv_support is 1 where Hypervisor.framework works.
      const { stdout } = await run(["sysctl", "-n", "kern.hv_support"], { accept: "any" });
      return stdout.trim() === "1"
        ? { usable: true, reason: "Hypervisor.framework" }
        : { usable: false, reason: "this Mac has no virtualization (kern.hv_support is not 1)" };
    },
    async openFiles() {
      const { stdout } = await run(["sysctl", "-n", "kern.maxfilesperproc"], { accept: "any" });
      return { limit: Number(stdout.trim()) || 10_240, raise: [] };
    },
    userNamespaces: () => Promise.resolve(false),
  };
}

function darwinProcesses(): ProcessTable {
  return {
    async identify(pid) {
      const argv = ["ps", "-o", "stat=,lstart=", "-p", `${pid}`];
      const { code, stdout } = await run(argv, { accept: "any" });
      const [state, ...start] = stdout.trim().split(/\s+/);
      if (code !== 0 || state === undefined || state.startsWith("Z")) return undefined;
      return { pid, startTime: start.join(" ") };
    },
    async withEnvironment(variable, value) {
      // ps -E appends the environment to the command (ps(1)).
      const { stdout } = await run(["ps", "-axwwE", "-o", "pid=,command="], { accept: "any" });
      return stdout.split("\n")
        .filter((line) => line.split(/\s+/).includes(`${variable}=${value}`))
        .map((line) => Number.parseInt(line, 10));
    },
    async ownedBy(uid) {
      const { stdout } = await run(["ps", "-ax", "-o", "pid=,uid="], { accept: "any" });
      return stdout.split("\n").map((line) => line.trim().split(/\s+/).map(Number))
        .flatMap(([pid, owner]) => pid !== undefined && owner === uid ? [pid] : []);
    },
    async commandLine(pid) {
      const argv = ["ps", "-ww", "-o", "command=", "-p", `${pid}`];
      const { code, stdout } = await run(argv, { accept: "any" });
      return code === 0 ? stdout.trim().split(" ") : undefined;
    },
    async residentMB(pid) {
      const { stdout } = await run(["ps", "-o", "rss=", "-p", `${pid}`], { accept: "any" });
      return Math.floor(Number(stdout.trim()) / 1024);
    },
  };
}
