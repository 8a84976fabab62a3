import { foreignInputs } from "../../build/lock_file.ts";
import type { Config, Project } from "../../config/config.ts";
import { isWithin } from "../../base/paths.ts";
import { printableCommand } from "../../host/process/run.ts";

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
  | "gives to the guest"
  | "opens"
  | "reaches"
  | "takes secrets from"
  | "brings its own keys"
  | "takes other inputs";

/** What the requests of a content follow from. */
export interface RequestFacts {
  readonly config: Config;
  readonly project: Pick<Project, "directory" | "configDirectory">;
  /** The config's mounts, with the optional ones that are not there. */
  readonly mounts: Config["mounts"];
  /** The real path of any other path; itself where there is nothing. */
  readonly realPath: (path: string) => string;
  /** Directories that are nixbox's own. */
  readonly own: string;
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
    ...of("builds on this host", modulesOf(facts)),
    ...of("shares", sharesOutside(facts)),
    ...of("gives to the guest", scriptsOutside(facts)),
    ...of("opens", openingsOf(config)),
    ...of("reaches", reachedBy(config)),
    ...of("takes secrets from", secretSources(facts)),
    ...of("brings its own keys", foreignKeys.map((path) => `${path}: who made it can log in`)),
    // An input decides the guest, and the hypervisor that runs on this host.
    ...of(
      "takes other inputs",
      locks.project === undefined ? [] : foreignInputs(locks.project, locks.own),
    ),
  ];
}

function modulesOf({ config, own, realPath }: RequestFacts): readonly string[] {
  return config.nix.modules.filter((path) => !isWithin(path, own))
    .map((path) => `NixOS module ${realPath(path)}`);
}

function sharesOutside({ mounts, project, realPath }: RequestFacts): readonly string[] {
  return mounts.flatMap(({ source, target, readonly, overlay, optional, only }) => {
    const real = realPath(source);
    if (isWithin(real, project.directory)) return [];
    const how = readonly ? "read-only" : overlay ? "overlay" : "writable";
    const what = only === undefined ? real : `of ${real} ${only.join(", ")}`;
    return [`${what} at ${target} (${how}${optional ? ", if it is there" : ""})`];
  });
}

/** Scripts go to the guest, which may be anybody's; a plugin of nixbox's brings its own. */
function scriptsOutside({ config, project, own, realPath }: RequestFacts): readonly string[] {
  return config.scripts.map(({ path }) => realPath(path))
    .filter((path) => !isWithin(path, project.directory) && !isWithin(path, own));
}

function reachedBy({ network }: Config): readonly string[] {
  if (network.mode === "off") return [];
  if (network.mode === "open") return ["every public address (network open)"];
  const how = network.inspect ? "" : ", and what stands behind their addresses";
  return [`${network.domains.join(", ")} on ports ${network.ports.join(", ")}${how}`];
}

function openingsOf({ network }: Config): readonly string[] {
  return [
    ...network.allowHost.map((port) => `this host's TCP port ${port}`),
    ...network.allowPrivate.map((range) => `the private addresses ${range}`),
    ...network.dns.map((address) => `names are asked of ${address}`),
  ];
}

function secretSources({ config, realPath }: RequestFacts): readonly string[] {
  return Object.entries(config.env).flatMap(([name, value]) => {
    if (typeof value === "string") return [];
    if ("file" in value) return [`${realPath(value.file)}, as ${name}`];
    return "fromEnv" in value ? [`your variable ${value.fromEnv}, as ${name}`] : [];
  });
}
