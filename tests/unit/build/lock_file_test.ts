import assert from "node:assert/strict";
import { lockChanges, lockedInputs } from "../../../lib/build/lock_file.ts";

const own = await Deno.readTextFile(new URL("../../../flake.lock", import.meta.url));

Deno.test("nixbox's own lock names its inputs, with revision and date", () => {
  const inputs = lockedInputs(own);
  assert.deepEqual([...inputs?.keys() ?? []].sort(), ["microvm", "nixpkgs"]);
  assert.match(inputs?.get("nixpkgs")?.version ?? "", /^[0-9a-f]{40}$/);
  assert.match(inputs?.get("nixpkgs")?.date ?? "", /^\d{4}-\d\d-\d\d$/);
});

Deno.test("only what changed is told", () => {
  const changed = own.replace(lockedInputs(own)?.get("nixpkgs")?.version ?? "", "f".repeat(40));
  assert.deepEqual(lockChanges(own, own), []);
  const [change, ...others] = lockChanges(own, changed);
  assert.deepEqual(others, []);
  assert.equal(change?.input, "nixpkgs");
  assert.equal(change?.to.version, "f".repeat(40));
});

Deno.test("an input that is new has no former version; what is not a lock has no inputs", () => {
  assert.equal(lockChanges("{}", own).every(({ from }) => from === undefined), true);
  for (const bad of ["", "{}", '{"nodes":{}}', "[]"]) assert.equal(lockedInputs(bad), undefined);
});
