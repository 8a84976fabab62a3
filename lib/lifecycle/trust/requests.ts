import { foreignInputs } from "../../build/lock_file.ts";
import type { Config, Project } from "../../config/types.ts";
import { isWithin } from "../../host/paths.ts";
import { printableCommand } from "../../host/process.ts";

/** One thing that a project's content asks of this host. */
export interface HostRequest {
  /** What kind of thing, for people: "runs on this host". */
  readonly kind: RequestKind;
  /** What exactly: a line of the config's own words. It may be a stranger's text. */
  readonly detail: string;
}

/** The kinds, in the order in which they are told. */
export type RequestKind =
  | "runs on this host"
  | "builds on this host"
  | "shares"
  | "opens"
  | "reaches"
  | "takes secrets from"
  | "brings its own keys"
  | "takes other inputs";

/** What the requests of a content follow from. */
export interface RequestFacts {
  readonly config: Config;
  readonly project: Pick<Project, "directory" | "configDirectory">;
  /** Real paths of `config.mounts`' sources, in order; as named where there is nothing. */
  readonly sources: readonly string[];
  /** Plugins that do not come with nixbox and have commands. */
  readonly pluginsWithCommands: readonly string[];
  /** The project's flake.lock and nixbox's own. */
  readonly locks: { readonly project: string | undefined; readonly own: string };
  /** Files of key pairs that were not made here, and nobody accepted. */
  readonly foreignKeys: readonly string[];
}

/** What a content asks for beyond its own directory; empty if that is nothing. */
export function requestsOf(facts: RequestFacts): readonly HostRequest[] {
  const { config, pluginsWithCommands, foreignKeys, locks } = facts;
  const of = (kind: RequestKind, details: readonly string[]) =>
    details.map((detail) => ({ kind, detail }));
  return [
    ...of("runs on this host", [
      ...Object.entries(config.hooks).flatMap(([event, lines]) =>
        lines.map((line) => `${event} hook: ${line}`)
      ),
      ...Object.entries(config.env).flatMap(([name, value]) =>
        typeof value === "object" && "command" in value
          ? [`to get ${name}: ${printableCommand(value.command)}`]
          : []
      ),
      ...pluginsWithCommands.map((path) => `when you call them, the commands of ${path}`),
    ]),
    // A module may choose the hypervisor's package, which then runs here.
    ...of("builds on this host", config.nix.modules.map((path) => `NixOS module ${path}`)),
    ...of("shares", sharesOutside(facts)),
    ...of("opens", doorsOf(config)),
    ...of("reaches", config.network.mode === "open" ? ["every public address (network open)"] : []),
    ...of("takes secrets from", secretSources(config)),
    ...of("brings its own keys", foreignKeys.map((path) => `${path}: who made it can log in`)),
    // An input decides the guest, and the hypervisor that runs on this host.
    ...of(
      "takes other inputs",
      locks.project === undefined ? [] : foreignInputs(locks.project, locks.own),
    ),
  ];
}

function sharesOutside({ config, project, sources }: RequestFacts): readonly string[] {
  return config.mounts.flatMap(({ source, target, readonly, overlay }, index) => {
    const real = sources[index] ?? source;
    if (isWithin(real, project.directory)) return [];
    const how = readonly ? "read-only" : overlay ? "overlay" : "writable";
    return [`${real} at ${target} (${how})`];
  });
}

function doorsOf({ network }: Config): readonly string[] {
  return [
    ...network.allowHost.map((port) => `this host's TCP port ${port}`),
    ...network.allowPrivate.map((range) => `the private addresses ${range}`),
    ...network.dns.map((address) => `names are asked of ${address}`),
  ];
}

function secretSources({ env }: Config): readonly string[] {
  return Object.entries(env).flatMap(([name, value]) => {
    if (typeof value === "string") return [];
    if ("file" in value) return [`${value.file}, as ${name}`];
    return "fromEnv" in value ? [`your variable ${value.fromEnv}, as ${name}`] : [];
  });
}
