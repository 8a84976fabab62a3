import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";

const root = new URL("../..", import.meta.url).pathname;

Deno.test("every Nix file of the project parses", async (t) => {
  const { stdout } = await run(["find", root, "-name", "*.nix", "-not", "-path", "*/dist/*"]);
  const files = stdout.trim().split("\n");
  assert.ok(files.length > 10);
  for (const file of files) {
    await t.step(file.slice(root.length), async () => {
      await run(["nix-instantiate", "--parse", file]);
    });
  }
});
