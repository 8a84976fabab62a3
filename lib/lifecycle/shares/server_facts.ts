import { filesOfFilter } from "../../host/confinement/call_filter.ts";
import type { Host } from "../../host/host.ts";
import type { InnerTools, Isolation } from "../../host/confinement/private_root.ts";
import type { ServerFacts } from "./share_server.ts";

/** Asks this host for what the commands of shares' servers follow from. */
export async function serverFacts(host: Host): Promise<ServerFacts> {
  const [
    isolation,
    { limit: openFilesLimit, raise: raiseOpenFiles },
    callFilter = [],
    tools,
    virtiofsd,
  ] = await Promise
    .all([
      chooseIsolation(host),
      host.openFiles(),
      host.callFilter(),
      innerTools(host),
      realProgram(host, "virtiofsd"),
    ]);
  const ofFilter = filesOfFilter(callFilter);
  return {
    isolation,
    tools: { ...tools, virtiofsd, ofFilter },
    openFilesLimit,
    raiseOpenFiles,
    callFilter,
  };
}

/** The programs by which others start in a private root. */
export async function innerTools(host: Host): Promise<InnerTools> {
  return { bash: await realProgram(host, "bash"), setpriv: await realProgram(host, "setpriv") };
}

/** What a program's name leads to: on NixOS, links on PATH lead into the store, which alone is seen. */
async function realProgram(host: Host, name: string): Promise<string> {
  const path = await host.which(name);
  return path === undefined ? name : await Deno.realPath(path);
}

/** Who makes the mount namespaces of hypervisor and shares here. */
async function chooseIsolation(host: Host): Promise<Isolation> {
  return await host.userNamespaces() ? "user-namespace" : "root-mount-namespace";
}
