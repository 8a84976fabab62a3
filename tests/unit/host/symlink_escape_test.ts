import assert from "node:assert/strict";
import { realPathWithin, requireNoSymlinkEscape } from "../../../lib/host/files/symlink_escape.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
const share = `${root}/share`;
await Deno.mkdir(`${share}/sub/deep`, { recursive: true });
await Deno.mkdir(`${root}/secret/deep`, { recursive: true });
await Deno.symlink("../secret", `${share}/out`);
await Deno.symlink(`${root}/secret`, `${share}/sub/absolute`);
await Deno.symlink("sub", `${share}/inside`);
await Deno.symlink("loop", `${share}/loop`);
await Deno.symlink("../secret/nothing", `${share}/dangling`);
await Deno.symlink("share", `${root}/mine`);
await Deno.symlink("../secret", `${root}/secret/own`);

const out = [
  "out",
  "out/deep",
  "sub/absolute",
  "sub/absolute/deep",
  "inside/absolute/new",
  "out/.",
  "dangling",
];
for (const path of out) {
  Deno.test(`a guest's link that leads out is refused: ${path}`, async () => {
    const says = /is a symlink that leads to .*\/secret/;
    await assert.rejects(requireNoSymlinkEscape(`${share}/${path}`, [share]), says);
    await assert.rejects(requireNoSymlinkEscape(`${root}/mine/${path}`, [share]), says);
  });
}

const fine = ["", "sub", "inside/deep", "new", "sub/new/x", "loop", "out/../share/sub"];
for (const path of fine) {
  Deno.test(`a path that stays is not a way out: share/${path}`, async () => {
    await requireNoSymlinkEscape(`${share}/${path}`, [share]);
  });
}

Deno.test("a guest's link is found behind one of the user's own", async () => {
  await Deno.symlink("share/release", `${root}/current`);
  await Deno.symlink("sub", `${share}/release`);
  assert.equal(await requireNoSymlinkEscape(`${root}/current/deep`, [share]), share);
  await Deno.remove(`${share}/release`);
  await Deno.symlink("../secret", `${share}/release`);
  const says = /share\/release is a symlink that leads to .*\/secret/;
  await assert.rejects(requireNoSymlinkEscape(`${root}/current`, [share]), says);
});

Deno.test("a path that leads elsewhere by now is refused", async () => {
  const path = `${share}/flips`;
  await Deno.mkdir(path);
  const entered = await requireNoSymlinkEscape(path, [share]);
  assert.equal(await realPathWithin(path, entered), path);
  await Deno.remove(path);
  await Deno.symlink("../secret", path);
  await assert.rejects(realPathWithin(path, entered), /leads to .*\/secret now/);
});

Deno.test("links of the user's own, and where no guest can write, do not concern it", async () => {
  await requireNoSymlinkEscape(`${root}/secret/own/deep`, [share]);
  await requireNoSymlinkEscape(`${root}/mine/sub`, [share]);
  await requireNoSymlinkEscape(`${share}/out`, []);
});
