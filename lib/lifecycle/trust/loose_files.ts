import { type Literal, literals } from "../../build/path_literals.ts";
import { resolvePath } from "../../base/paths.ts";

/** What an editor or a file manager leaves beside a file while it is open. */
const leftovers: readonly RegExp[] = [/^\.#/, /~$/, /^\..*\.sw[a-z]$/, /^\.DS_Store$/, /^#.*#$/];

/** Whether a file of this name is what an editor leaves, and no part of a config. */
export function isLeftover(name: string): boolean {
  return leftovers.some((pattern) => pattern.test(name));
}

/**
 * Attributes whose paths Nix only passes on as text: what they name goes to the guest, or is a secret
 * whose content is nobody's business here.
 */
const guestOnly = /^(scripts|scripts\.path|mounts\.source|env\.([^.]+\.)?file)$/;

/** Whether a literal names what only the guest gets. If Nix reads it all the same, that is an error. */
export function isGuestOnly({ attribute, path }: Pick<Literal, "attribute" | "path">): boolean {
  return guestOnly.test(attribute) && !path.endsWith(".nix");
}

/** The scripts of the guest that a Nix text names, and names as nothing else; absolute paths. */
export function scriptsNamedBy(text: string, directory: string): readonly string[] {
  const all = literals(text).filter(({ isComputed }) => !isComputed)
    .map((literal) => ({ ...literal, full: resolvePath(directory, literal.path) }));
  const isScript = (literal: Literal) => /^scripts(\.path)?$/.test(literal.attribute);
  const others = new Set(all.filter((literal) => !isScript(literal)).map(({ full }) => full));
  return all.filter((literal) => isScript(literal) && !literal.path.endsWith(".nix"))
    .map(({ full }) => full).filter((full) => !others.has(full));
}
