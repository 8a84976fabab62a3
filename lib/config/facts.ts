import type { Host } from "../host/host.ts";
import { nameOf } from "../base/paths.ts";
import type { Project } from "./config.ts";

/** What the defaults of a config follow from: nix/resolve.nix reads this as JSON. */
export interface ConfigFacts {
  /** The guest's Nix system. */
  readonly system: string;
  readonly user: string;
  readonly home: string;
  readonly cpus: number;
  readonly memoryMB: number;
  readonly availableMB: number;
  /** Default of `name`. */
  readonly name: string;
  /** Default of `user`. */
  readonly guestUser: string;
}

export function configFacts(host: Host, project: Project): ConfigFacts {
  const { totalMB, availableMB } = host.memory();
  return {
    system: host.nixSystem.replace("-darwin", "-linux"),
    user: host.user.name,
    home: host.user.home,
    cpus: host.cpus,
    memoryMB: totalMB,
    availableMB,
    name: hostNameOf(project.directory),
    guestUser: guestUserOf(host.user.name),
  };
}

/** A host name (RFC 1123, section 2.1) made of a directory's name. */
export function hostNameOf(directory: string): string {
  const base = nameOf(directory).toLowerCase();
  const name = base.replace(/[^a-z0-9-]+/g, "-").replace(/^-+/, "").slice(0, 63).replace(/-+$/, "");
  return name === "" ? "nixbox" : name;
}

/** The host's user name, where it can be an ordinary user's in the guest. */
export function guestUserOf(name: string): string {
  return isGuestUser(name) ? name : "nixbox";
}

/** Accounts that NixOS itself makes in a guest. */
const takenNames = /^(root|nobody|sshd|messagebus|nscd|polkituser|systemd-.*|nixbld[0-9]*)$/;

/** Whether an ordinary user of the guest can be called so. */
export function isGuestUser(name: string): boolean {
  return /^[a-z_][a-z0-9_-]{0,31}$/.test(name) && !takenNames.test(name);
}
