import assert from "node:assert/strict";
import { hasLandlock } from "../../../lib/host/confinement/landlock.ts";

const kernels: readonly (readonly [string, string | undefined, string, boolean])[] = [
  ["a recent kernel that has it on", "lockdown,capability,landlock,yama\n", "6.12.1-amd64\n", true],
  ["the first kernel that has enough of it", "capability,landlock\n", "6.2.0\n", true],
  ["a kernel with an older one", "capability,landlock\n", "6.1.0-21-amd64\n", false],
  ["a kernel without it", "capability,yama\n", "6.12.1\n", false],
  ["a kernel that does not tell", undefined, "6.12.1\n", false],
];

for (const [what, lsm, release, expected] of kernels) {
  Deno.test(`Landlock on ${what}: ${expected ? "used" : "not used"}`, async () => {
    const directory = await Deno.makeTempDir();
    if (lsm !== undefined) await Deno.writeTextFile(`${directory}/lsm`, lsm);
    await Deno.writeTextFile(`${directory}/osrelease`, release);
    assert.equal(await hasLandlock(`${directory}/lsm`, `${directory}/osrelease`), expected);
    await Deno.remove(directory, { recursive: true });
  });
}
