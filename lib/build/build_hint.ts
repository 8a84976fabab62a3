import { builderHint } from "./builder.ts";

/** How to fix what Nix says, by words of its messages (nixpkgs' check-meta.nix, Nix's own). */
const hints: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [/No space left on device/, () => "the disk is full: `nix store gc` frees what nothing uses"],
  [
    /required to build|required system or feature not available|[Rr]equired system: '/,
    () => builderHint,
  ],
  [
    /[Pp]ackage [‘']([^’']+?)(?:-[\d.][^’']*)?[’'] in .* has an unfree license/,
    ([, name = "NAME"]) =>
      "allow it in a file that nix.modules names: { lib, ... }: { " +
      `nixpkgs.config.allowUnfreePredicate = p: lib.getName p == "${name}"; }`,
  ],
  [
    /[Pp]ackage [‘']([^’']+)[’'] in .* is marked as insecure/,
    ([, name = "NAME"]) =>
      "allow it in a file that nix.modules names: { " +
      `nixpkgs.config.permittedInsecurePackages = [ "${name}" ]; }`,
  ],
  [
    /[Pp]ackage [‘'][^’']+[’'] in .*(is marked as broken|is not available on the requested|has problems)/,
    () => "take it out of nix.packages, or try a newer nixpkgs: `nixbox update --input nixpkgs`",
  ],
  [
    /experimental (Nix )?feature '[^']+' is disabled/,
    () =>
      "allow it to Nix: " +
      "`mkdir -p ~/.config/nix && echo 'experimental-features = nix-command flakes' >> ~/.config/nix/nix.conf`",
  ],
  [
    /NAR hash mismatch in input|mismatch in field 'narHash' of input/,
    () =>
      "an input is not what .nixbox/flake.lock says; if you trust what is there now: `nixbox update`",
  ],
  [
    /[Cc]ould not resolve host|[Uu]nable to download|[Cc]ouldn't connect|[Nn]etwork is unreachable/,
    () => "is the network up? What has been downloaded is kept; `nixbox build` goes on from there",
  ],
  [
    /The option `nixbox\.[^']*' does not exist/,
    () => "docs/nix.md lists the options of nixbox's guest",
  ],
  [
    /The option `[^']*' does not exist/,
    () => "search.nixos.org/options lists NixOS' options; microvm.nix has its own",
  ],
];

/** What to do about a failed build. */
export function hintFor(lines: readonly string[]): string {
  const text = lines.join("\n");
  for (const [pattern, hint] of hints) {
    const found = pattern.exec(text);
    if (found !== null) return hint(found);
  }
  return "fix what Nix names; `nixbox build -f` tries again";
}

/**
 * Files of the project by their own names: Nix reads them in a copy of the stage, where each lies
 * below `project/files`. The copy is a store path, or with lazy trees a mark in guillemets.
 */
export function withOwnPaths(line: string): string {
  return line.replace(/(?:\/nix\/store\/[0-9a-z]{32}-source|«[^»]*»)\/project\/files(?=\/)/g, "");
}
