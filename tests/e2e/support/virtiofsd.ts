import type { DetachedProcess } from "../../../lib/host/process/detached.ts";
import { directoryIdentity, exists } from "../../../lib/host/files/files.ts";
import type { Host } from "../../../lib/host/host.ts";
import { serverFacts } from "../../../lib/lifecycle/shares/server_facts.ts";
import { waitFor } from "../../../lib/base/wait.ts";
import { spawnInRoot } from "../../../lib/host/root/placed.ts";
import { besideShare } from "../../../lib/share/covers.ts";
import { guestGid, guestUid, virtiofsdArgv } from "../../../lib/share/virtiofsd.ts";

export interface ExtraServer {
  readonly process: DetachedProcess;
  readonly logFile: string;
  /** Whether it came to listen. */
  readonly listens: boolean;
}

/**
 * Starts a virtiofsd beside those that a machine has, as nixbox starts them.
 *
 * @param owner The machine's id.
 * @param more Arguments that nixbox does not give it.
 */
export async function startVirtiofsd(
  host: Host,
  owner: string,
  source: string,
  socket: string,
  more: readonly string[] = [],
): Promise<ExtraServer> {
  const beside = besideShare({ socket });
  const root = `${beside}.root`;
  for (const place of [root, `${beside}.apart`]) await Deno.mkdir(place, { recursive: true });
  const identity = await directoryIdentity(source);
  const share = { source, identity, root, readonly: false, socket, masks: [] };
  const { uid, gid } = host.user;
  const ids = { guestUid, guestGid, hostUid: uid, hostGid: gid };
  const { tools } = await serverFacts(host);
  const { raise } = await host.openFiles();
  const argv = [...raise, ...virtiofsdArgv(tools, share, ids, "user-namespace", []), ...more];
  const logFile = `${socket}.log`;
  const process = await spawnInRoot(host, argv, { logFile, cwd: "/", owner });
  const listens = await waitFor(
    async () => await exists(socket) ? true : undefined,
    { timeoutMs: 5000 },
  );
  return { process, logFile, listens: listens === true };
}
