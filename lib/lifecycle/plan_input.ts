import type { Config, Project } from "../config/types.ts";
import { NixboxError } from "../host/error.ts";
import { directoryIdentity, exists } from "../host/files.ts";
import type { Acceleration, Host } from "../host/host.ts";
import type { Emit } from "../host/progress.ts";
import { checkRuntimeDirectory } from "../guest/ssh.ts";
import { macOf } from "../network/addresses.ts";
import { upstreamResolvers } from "../network/resolvers.ts";
import type { SlotPlace } from "../state/slots.ts";
import { statePaths } from "../state/store.ts";
import { type ObtainOptions, obtainRunner } from "./obtain_runner.ts";
import type { PlanInput } from "./plan.ts";
import { privateDirectories } from "./private_directories.ts";
import {
  chooseIsolation,
  dnsmasqFeatures,
  enoughOpenFiles,
  openFilesWarning,
} from "./requirements.ts";

export interface PlanOptions extends ObtainOptions {
  /** Where slots are kept. */
  readonly place: SlotPlace;
  /** What the guest's environment gets. */
  readonly env: Readonly<Record<string, string>>;
}

/** Asks host and disk for all that the plan follows from, but the slot. */
export async function planInput(
  host: Host,
  project: Project,
  config: Config,
  options: PlanOptions,
  emit: Emit,
): Promise<Omit<PlanInput, "slot">> {
  checkRuntimeDirectory(`${host.paths.runtime}/${project.id}`);
  const obtained = await obtainRunner(host, project, config, options, emit);
  const { isolation, warning } = await chooseIsolation(host);
  if (warning !== undefined) emit({ kind: "warning", message: warning });
  const { limit, raise: raiseOpenFiles } = await host.openFiles();
  if (limit < enoughOpenFiles) emit({ kind: "warning", message: openFilesWarning(limit) });
  const starter = await host.processes.identify(Deno.pid);
  if (starter === undefined) throw new NixboxError("this process is not in the process table");
  return {
    host,
    hostHasIpv6: await exists("/proc/sys/net/ipv6"),
    project,
    config,
    env: options.env,
    state: statePaths(host, project.id),
    sharedDirectory: options.place.directory,
    mac: await macOf(project.id),
    resolvers: config.network.mode === "off" ? [] : await upstreamResolvers(config.network.dns),
    canFilterRecords: (await dnsmasqFeatures(host)).filterRecords,
    runner: obtained.directory.runner,
    runnerShares: await Promise.all(
      obtained.directory.shares.map(async (share) => ({
        ...share,
        identity: (await located(share.source)).identity,
      })),
    ),
    build: obtained.build,
    guest: obtained.directory.guest,
    sources: await Promise.all(config.mounts.map(({ source }) => located(source))),
    privateDirectories: await privateDirectories(host, project),
    isolation,
    acceleration: accelerationOf(obtained.acceleration),
    tools: {
      virtiofsd: await host.which("virtiofsd") ?? "virtiofsd",
      bash: await host.which("bash") ?? "bash",
    },
    raiseOpenFiles,
    starter,
    now: Date.now(),
  };
}

async function located(source: string): Promise<{ path: string; identity: string }> {
  const path = await exists(source) ? await Deno.realPath(source) : source;
  return { path, identity: await directoryIdentity(path) };
}

function accelerationOf(acceleration: Acceleration): "hardware" | "emulation" {
  return acceleration.usable ? "hardware" : "emulation";
}
