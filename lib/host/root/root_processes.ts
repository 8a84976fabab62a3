import type { Host, ProcessTable } from "../host.ts";
import { identityOf } from "../process/proc_stat.ts";
import { runAsRoot } from "./as_root.ts";

/**
 * The processes as root sees them, for those of root's that stand beside a machine. Where /proc shows
 * this user everything, that is what there is; where it is mounted with `hidepid`, root is asked.
 */
export async function processesSeenByRoot(host: Host): Promise<ProcessTable> {
  if (host.os !== "linux" || host.user.uid === 0) return host.processes;
  // Another user's process that is always there: init.
  if (await host.processes.identify(1) !== "unknown") return host.processes;
  const read = async (path: string): Promise<string | undefined> => {
    const { code, stdout } = await runAsRoot(host, ["cat", path], undefined, { accept: "any" });
    return code === 0 ? stdout : undefined;
  };
  return {
    ...host.processes,
    async identify(pid) {
      const found = await host.processes.identify(pid);
      if (found !== "unknown") return found;
      return await identityOf(pid, await read(`/proc/${pid}/stat`));
    },
    async ownedBy(uid) {
      const argv = ["find", "/proc", "-maxdepth", "1", "-uid", `${uid}`, "-name", "[1-9]*"];
      const { stdout } = await runAsRoot(host, argv, undefined, { accept: "any" });
      return stdout.split("\n").map((path) => Number(path.slice("/proc/".length)))
        .filter((pid) => Number.isInteger(pid) && pid > 0);
    },
    async commandLine(pid) {
      return (await read(`/proc/${pid}/cmdline`))?.split("\0").slice(0, -1);
    },
  };
}
