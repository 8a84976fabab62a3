import assert from "node:assert/strict";
import { hintFor, withOwnPaths } from "../../../lib/build/build_hint.ts";

/** What Nix and nixpkgs say, and what the hint must name. */
const messages: readonly (readonly [string, string, RegExp])[] = [
  [
    "a full store",
    "writing to file: No space left on device",
    /nix store gc/,
  ],
  [
    "no builder, as of Nix 2.26",
    "Cannot build '/nix/store/x.drv'.\nReason: required system or feature not available\n" +
    "Required system: 'aarch64-linux' with features {}\nCurrent system: 'aarch64-darwin' with features {apple-virt}",
    /nix\.linux-builder\.enable[^]*darwin\.linux-builder[^]*\/etc\/nix\/machines/,
  ],
  [
    "no builder, as of older versions",
    "a 'aarch64-linux' with features {} is required to build '/nix/store/x.drv', but I am a 'aarch64-darwin'",
    /Linux builder/,
  ],
  [
    "an unfree package",
    "Package ‘claude-code-1.0.3’ in /nix/store/x/package.nix:44 has an unfree license (‘unfree’), refusing to evaluate.",
    /allowUnfreePredicate = p: lib\.getName p == "claude-code"/,
  ],
  [
    "an unfree package, in newer words",
    "Refusing to evaluate package 'claude-code-1.0.3' in /nix/store/x/package.nix:44 because it has an unfree license (‘unfree’)",
    /allowUnfreePredicate = p: lib\.getName p == "claude-code"/,
  ],
  [
    "a broken package, in newer words",
    "Refusing to evaluate package 'x-1' in /nix/store/x/default.nix:1 because it has problems:\n- broken: This package is broken.",
    /nix\.packages/,
  ],
  [
    "an insecure package, in newer words",
    "Refusing to evaluate package 'openssl-1.1.1w' in /nix/store/x/default.nix:1 because it is marked as insecure",
    /permittedInsecurePackages = \[ "openssl-1\.1\.1w" \]/,
  ],
  [
    "an insecure package",
    "Package ‘openssl-1.1.1w’ in /nix/store/x/default.nix:1 is marked as insecure, refusing to evaluate.",
    /permittedInsecurePackages = \[ "openssl-1\.1\.1w" \]/,
  ],
  [
    "a broken package",
    "Package ‘x-1’ in /nix/store/x/default.nix:1 is marked as broken, refusing to evaluate.",
    /nix\.packages/,
  ],
  [
    "a package for other systems",
    "Package ‘x-1’ in /nix/store/x/default.nix:1 is not available on the requested hostPlatform:",
    /nix\.packages/,
  ],
  [
    "no flakes",
    "experimental Nix feature 'flakes' is disabled; use '--extra-experimental-features flakes' to override",
    /experimental-features = nix-command flakes/,
  ],
  [
    "an input that changed",
    "NAR hash mismatch in input 'path:/x', expected 'sha256-a' but got 'sha256-b'",
    /nixbox update/,
  ],
  [
    "an input that changed, as of Nix 2.26",
    'mismatch in field \'narHash\' of input \'{"narHash":"sha256-a"}\', got \'{"narHash":"sha256-b"}\'',
    /nixbox update/,
  ],
  [
    "no network",
    "unable to download 'https://example.test/x': Could not resolve hostname (6)",
    /network/,
  ],
  [
    "an option that nixbox does not have",
    "The option `nixbox.disk' does not exist. Definition values:",
    /docs\/nix\.md/,
  ],
  ["an option that NixOS does not have", "The option `services.x' does not exist.", /options/],
  ["anything else", "boom", /fix what Nix names/],
];

for (const [what, message, wanted] of messages) {
  Deno.test(`${what} gets its own hint`, () => {
    assert.match(hintFor(message.split("\n")), wanted);
  });
}

Deno.test("files of the project are named as they lie in the project", () => {
  const store = `/nix/store/${"a".repeat(32)}-source/project/files`;
  assert.equal(
    withOwnPaths(`at ${store}/home/u/it's a p/.nixbox/guest.nix:3:5:`),
    "at /home/u/it's a p/.nixbox/guest.nix:3:5:",
  );
  assert.equal(
    withOwnPaths("at «path:/state/stage»/project/files/p/.nixbox/guest.nix:3:5:"),
    "at /p/.nixbox/guest.nix:3:5:",
  );
  const other = `at /nix/store/${"a".repeat(32)}-source/nix/guest/ssh.nix:7:13:`;
  assert.equal(withOwnPaths(other), other);
});
