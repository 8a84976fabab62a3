import { deepStrictEqual as assertEquals, match } from "node:assert/strict";
import { BuildReport } from "../../../lib/build/build_report.ts";
import { parseNixLog, storeName } from "../../../lib/build/nix_log.ts";

const fixtures = new URL("./fixtures/", import.meta.url);

/** Feeds lines that Nix 2.26 printed; gives what people are told. */
async function follow(name: string): Promise<{ report: BuildReport; told: string[] }> {
  const report = new BuildReport();
  const lines = (await Deno.readTextFile(new URL(name, fixtures))).split("\n");
  const told = lines.map((line) => report.read(line)).filter((line) => line !== undefined);
  return { report, told };
}

Deno.test("a build is told derivation by derivation, with how many are done", async () => {
  const { told } = await follow("two_builds.log");
  assertEquals(told, ["building a-part (0/2 built)", "building b-part (1/2 built)"]);
});

Deno.test("of a failed build, the cause and its builder's last lines are shown, not what followed", async () => {
  const { report } = await follow("failed_build.log");
  const error = report.failure();
  assertEquals(
    error.message,
    "the build failed: builder for '/nix/store/r96rxvp6hql7bj1m2makai641bhc79kp-bad-part.drv' failed with exit code 1",
  );
  assertEquals(error.log, ["line 1", "line 2", "line 3", "this builder fails on purpose"]);
  match(error.hint ?? "", /nixbox build -f/);
});

Deno.test("of a builder's output the last lines are kept", () => {
  const report = new BuildReport();
  const drv = `/nix/store/${"a".repeat(32)}-x.drv`;
  report.read(
    `@nix {"action":"start","fields":["${drv}","",1,1],"id":7,"level":3,"text":"","type":105}`,
  );
  for (let n = 1; n <= 100; n++) {
    report.read(`@nix {"action":"result","fields":["line ${n}"],"id":7,"type":101}`);
  }
  report.read(`@nix {"action":"msg","level":0,"msg":"error: builder for '${drv}' failed"}`);
  const { log } = report.failure();
  assertEquals([log[0], log.at(-1), log.length], ["line 89", "line 100", 12]);
});

Deno.test("a failure is told with how to fix it, and files by their own names", () => {
  const report = new BuildReport();
  const file = `/nix/store/${"a".repeat(32)}-source/project/files/home/u/p/.nixbox/guest.nix`;
  const msg = `error: syntax error, unexpected end of file\n       at ${file}:3:1:`;
  report.read(`@nix ${JSON.stringify({ action: "msg", level: 0, msg })}`);
  const { message, log } = report.failure();
  assertEquals(message, "the build failed: syntax error, unexpected end of file");
  assertEquals(log, ["at /home/u/p/.nixbox/guest.nix:3:1:"]);
});

Deno.test("who compiles the world is warned once", () => {
  const report = new BuildReport();
  const building = (name: string) => {
    const path = `/nix/store/${"0".repeat(32)}-${name}.drv`;
    report.read(`@nix ${JSON.stringify({ action: "start", id: 1, type: 105, fields: [path] })}`);
    return report.takeWarning();
  };
  assertEquals(building("vm-runner"), undefined);
  match(building("gcc-14.3.0") ?? "", /compiles gcc-14\.3\.0 from source[^]*substituters/);
  assertEquals(building("glibc-2.42"), undefined);
});

Deno.test("a binary cache that does not answer is told, other warnings are not", () => {
  const report = new BuildReport();
  const warn = (msg: string) =>
    report.read(`@nix ${JSON.stringify({ action: "msg", level: 1, msg })}`);
  match(warn("warning: unable to download 'https://cache.test/x': timeout") ?? "", /cache\.test/);
  assertEquals(warn("warning: Git tree is dirty"), undefined);
});

Deno.test("an error before Nix's logger is up is shown all the same", () => {
  const report = new BuildReport();
  report.read("error: cannot connect to socket at '/nix/var/nix/daemon-socket/socket'");
  match(report.failure().message, /the build failed: cannot connect to socket/);
});

Deno.test("a failure without a word says so", () => {
  assertEquals(new BuildReport().failure().message, "the build failed: Nix gave no reason");
});

for (
  const line of ["", "@nix", "@nix {", "@nix []", '@nix {"action":"stop","id":1}', "@nix null"]
) {
  Deno.test(`${JSON.stringify(line)} tells nothing, or a message, and throws never`, () => {
    const event = parseNixLog(line);
    assertEquals(event === undefined || event.kind === "message", true);
  });
}

Deno.test("a copied path is told by its name", () => {
  const line = `@nix {"action":"start","fields":["/nix/store/${
    "0".repeat(32)
  }-bash-5.2","a","b"],"id":1,"level":3,"text":"","type":100}`;
  assertEquals(new BuildReport().read(line), "copying bash-5.2");
});

Deno.test("a store path's name is what stands after its hash", () => {
  assertEquals(storeName(`/nix/store/${"0".repeat(32)}-vm-runner.drv`), "vm-runner");
  assertEquals(storeName("plain"), "plain");
});
