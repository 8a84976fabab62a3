import assert from "node:assert/strict";
import { isOlderThan, parseNixVersion } from "../../../lib/host/nix/nix_version.ts";

const versions: readonly (readonly [string, number | undefined, number | undefined])[] = [
  ["nix (Nix) 2.18.1\n", 2, 18],
  ["nix (Nix) 2.26.3\n", 2, 26],
  ["nix (Nix) 2.31.0pre20250712_b1245123", 2, 31],
  ["nix (Lix, like Nix) 2.91.1", 2, 91],
  ["nix (Determinate Nix 3.8.0) 2.30.1", 2, 30],
  ["no such thing", undefined, undefined],
  ["", undefined, undefined],
];

for (const [text, major, minor] of versions) {
  Deno.test(`the version of "${text.trim()}" is ${major}.${minor}`, () => {
    const version = parseNixVersion(text);
    assert.deepEqual([version?.major, version?.minor], [major, minor]);
  });
}

Deno.test("versions compare by number, not by text", () => {
  const old = { text: "", major: 2, minor: 8 };
  assert.equal(isOlderThan(old, { major: 2, minor: 18 }), true);
  assert.equal(isOlderThan({ ...old, minor: 18 }, { major: 2, minor: 18 }), false);
  assert.equal(isOlderThan({ ...old, major: 3, minor: 0 }, { major: 2, minor: 18 }), false);
});
