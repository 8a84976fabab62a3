import assert from "node:assert/strict";
import { builderHint, guestSystem, probeBuilder } from "../../lib/build/builder.ts";
import { hintFor } from "../../lib/build/build_hint.ts";
import { detectHost } from "../../lib/host/detect.ts";
import { checkNix } from "../../lib/lifecycle/doctor/doctor_nix.ts";

Deno.test("the probe of a builder builds for this system, again each time", async () => {
  const host = await detectHost();
  const probe = () => probeBuilder("nix", host.nixSystem);
  assert.deepEqual([(await probe()).works, (await probe()).works], [true, true]);
});

Deno.test("where no builder is, Nix's own refusal is known, by doctor and by a build", async () => {
  const host = { ...await detectHost(), nixSystem: "aarch64-darwin" as const };
  assert.equal(guestSystem(host.nixSystem), "aarch64-linux");
  const { works, message } = await probeBuilder("nix", "aarch64-linux");
  assert.equal(works, false);
  assert.equal(hintFor(message.split("\n")), builderHint);
  const check = (await checkNix(host)).find(({ name }) => name === "Linux builder");
  assert.equal(check?.state, "warning");
  assert.match(check?.detail ?? "", /cannot build for aarch64-linux/);
  assert.equal(check?.hint, builderHint);
});

Deno.test("a host that runs its guests' system needs no other builder", async () => {
  const checks = await checkNix(await detectHost());
  assert.equal(checks.some(({ name }) => name === "Linux builder"), false);
});
