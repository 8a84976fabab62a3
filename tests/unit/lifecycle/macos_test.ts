/** What nixbox says of a Mac: doctor's checks, and hints where vfkit fails. */
import assert from "node:assert/strict";
import { NixboxError } from "../../../lib/base/error.ts";
import type { Host } from "../../../lib/host/host.ts";
import { detectHost } from "../../../lib/host/detect.ts";
import type { Check } from "../../../lib/lifecycle/doctor/check.ts";
import { macosChecks } from "../../../lib/lifecycle/doctor/doctor_macos.ts";
import { explainVfkit } from "../../../lib/lifecycle/boot/macos/vfkit_hints.ts";

const here = await detectHost();
const directory = await Deno.makeTempDir();

/** A Mac with this version; `vfkit` is what its vfkit prints, `undefined` for none. */
async function checksOf(
  {
    version = "macOS 15.6",
    vfkit,
    interpreter = "/bin/sh",
    confinement = true,
    runtime = "/tmp/nixbox-501",
  }: {
    readonly version?: string;
    readonly vfkit?: string;
    readonly interpreter?: string;
    readonly confinement?: boolean;
    readonly runtime?: string;
  },
): Promise<readonly Check[]> {
  const program = `${directory}/vfkit`;
  if (vfkit !== undefined) {
    await Deno.writeTextFile(program, `#!${interpreter}\necho '${vfkit}'\n`, { mode: 0o755 });
  }
  const host: Host = {
    ...here,
    os: "darwin",
    paths: { ...here.paths, runtime, state: "/Users/ann/.local/state/nixbox" },
    version: () => Promise.resolve(version),
    which: (name) => Promise.resolve(name === "vfkit" && vfkit !== undefined ? program : undefined),
    confinement: () => Promise.resolve(confinement ? "seatbelt" : undefined),
  };
  return await macosChecks(host);
}

const find = (checks: readonly Check[], name: string) =>
  checks.find((check) => check.name === name);

const versions: readonly (readonly [version: string, state: Check["state"]])[] = [
  ["macOS 26.1", "ok"],
  ["macOS 15.6.1", "ok"],
  ["macOS 14.0", "ok"],
  ["macOS 13.7", "warning"],
  ["macOS 12.7", "missing"],
  ["macOS (unknown)", "missing"],
];

for (const [version, state] of versions) {
  Deno.test(`doctor: ${version} is ${state}`, async () => {
    const check = find(await checksOf({ version }), "macOS");
    assert.equal(check?.state, state);
    assert.ok(check?.detail.includes(version));
    assert.equal(check?.hint !== undefined, state !== "ok");
  });
}

Deno.test("doctor: leave for the local network is a matter of macOS 15 and later", async () => {
  assert.match(find(await checksOf({}), "local network")?.hint ?? "", /Local Network/);
  assert.equal(find(await checksOf({ version: "macOS 14.5" }), "local network"), undefined);
});

const vfkits: readonly (readonly [says: string, state: Check["state"], detail: RegExp])[] = [
  ["vfkit version: v0.6.3", "ok", /^0\.6\.3$/],
  ["vfkit version: 1.0.0", "ok", /^1\.0\.0$/],
  ["vfkit version: v0.5.1", "warning", /0\.5\.1: nixbox is made for 0\.6/],
  ["something else", "warning", /does not tell its version/],
];

for (const [says, state, detail] of vfkits) {
  Deno.test(`doctor: ${says}`, async () => {
    const check = find(await checksOf({ vfkit: says }), "vfkit version");
    assert.equal(check?.state, state);
    assert.match(check?.detail ?? "", detail);
  });
}

Deno.test("doctor: a vfkit that cannot be started is told, and the rest of the report stays", async () => {
  const checks = await checksOf({ vfkit: "x", interpreter: "/no/such/program" });
  assert.equal(find(checks, "vfkit version")?.state, "warning");
  assert.equal(find(checks, "macOS")?.state, "ok");
});

Deno.test("doctor: without vfkit on PATH there is nothing to say of its version", async () => {
  assert.equal(find(await checksOf({}), "vfkit version"), undefined);
});

Deno.test("doctor: paths that vfkit cannot take, and a Mac without its sandbox, are told", async () => {
  const paths = find(
    await checksOf({ runtime: "/Users/ann/Library/Application Support/n" }),
    "paths",
  );
  assert.equal(paths?.state, "missing");
  assert.match(paths?.hint ?? "", /XDG_RUNTIME_DIR/);
  assert.equal(find(await checksOf({}), "paths"), undefined);
  assert.equal(find(await checksOf({ confinement: false }), "sandbox")?.state, "warning");
  assert.equal(find(await checksOf({}), "sandbox")?.state, "ok");
});

const failures: readonly (readonly [log: string, hint: RegExp])[] = [
  ['Error: the process doesn’t have the "com.apple.security.virtualization" entitlement', /signed/],
  [
    "invalid virtual machine configuration: memory size is above maximumAllowedMemorySize",
    /memoryMB/,
  ],
  ["CPU count above maximumAllowedCPUCount", /vcpus/],
  ["Rosetta is not installed", /softwareupdate --install-rosetta/],
  ["listen unix /tmp/x/api.sock: bind: address already in use", /nixbox down/],
  ["unable to load kernel", /build -f/],
  ["Error: unknown flag: --restful-uri", /older than what nixbox starts/],
  ["Error: unknown option for virtio-blk devices: deviceId", /older than what nixbox starts/],
];

for (const [log, hint] of failures) {
  Deno.test(`a boot that fails with "${log.slice(0, 40)}" says what fixes it`, () => {
    const error = new NixboxError("vfkit ended (exit 1)", { log: [log], where: "here" });
    const explained = explainVfkit(error);
    assert.ok(explained instanceof NixboxError);
    assert.equal(explained.message, error.message);
    assert.deepEqual(explained.log, [log]);
    assert.equal(explained.where, "here");
    assert.match(explained.hint ?? "", hint);
  });
}

Deno.test("another failure stays what it was", () => {
  const other = new NixboxError("vfkit ended (exit 1)", { log: ["who knows"], hint: "look" });
  assert.equal(explainVfkit(other), other);
  const stranger = new Error("rosetta");
  assert.equal(explainVfkit(stranger), stranger);
});
