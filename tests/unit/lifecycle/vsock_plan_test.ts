/** The plan of `up` where a guest is reached over vsock alone: every field, as a pure function. */
import assert from "node:assert/strict";
import type { Config } from "../../../lib/config/config.ts";
import {
  makeVsockPlan,
  type VsockPlanInput,
} from "../../../lib/lifecycle/boot/macos/vsock_plan.ts";
import { summaryOf } from "../../../lib/lifecycle/up_summary.ts";
import { readRunner } from "../../../lib/runner/mod.ts";
import { exampleConfig, exampleFacts } from "../support/facts.ts";

const fixture = (name: string) => new URL(`../runner/fixtures/${name}.sh`, import.meta.url);
const runner = readRunner(await Deno.readTextFile(fixture("vfkit_socket")));
const input: VsockPlanInput = {
  ...exampleFacts,
  runner,
  acceleration: "hardware",
  ownCommand: ["/bin/deno", "run", "/n/main.ts"],
};

/** The same machine with another config. */
function withConfig(change: Partial<Config>, more: Partial<VsockPlanInput> = {}): VsockPlanInput {
  return { ...input, config: { ...exampleConfig, ...change }, ...more };
}

const withNetwork = (change: Partial<Config["network"]>) =>
  withConfig({ network: { ...exampleConfig.network, ...change } });
const filtered = withNetwork({ mode: "filtered", domains: ["allowed.test"], dns: ["192.0.2.1"] });

Deno.test("vsock: a plan's summary has the proxy, shares over SSH, and no firewall or secret", () => {
  const secret = "s3cret value";
  const plan = makeVsockPlan({ ...filtered, env: { TOKEN: secret } });
  const summary = summaryOf(plan);
  assert.equal(summary.network, "filtered");
  assert.ok(summary.variables.includes("TOKEN"));
  assert.ok(!JSON.stringify(summary).includes(secret));
  assert.deepEqual(summary.shares.map(({ via }) => via), ["virtiofs", "sshfs"]);
  assert.deepEqual(summary.programs, [plan.proxy?.argv, plan.vmm, plan.ssh]);
  assert.ok(!("firewall" in summary) && !("address" in summary));
  assert.deepEqual(summary.asRoot, []);
});

Deno.test("vsock: the record names what will be made; what vfkit cannot keep read-only goes over SSH", () => {
  const { record, overSsh, kind } = makeVsockPlan(input);
  assert.equal(kind, "vsock");
  assert.deepEqual(record.network, {
    kind: "vsock",
    policy: {
      mode: "open",
      domains: [],
      denied: [],
      ports: [80],
      inspect: true,
      allowHost: [],
      allowPrivate: [],
      resolvers: [],
    },
    mac: "02:00:00:00:00:07",
    sshSocket: "/r/0123456789ab/vsock-ssh.sock",
  });
  assert.equal(record.hypervisor, "vfkit");
  assert.equal(record.acceleration, "hardware");
  assert.equal(record.nextShare, 2);
  assert.deepEqual(record.shares, [{
    id: "share0",
    tag: "nixbox-share0",
    source: "/home/ann/box",
    identity: "1:2",
    target: "/home/dev/workspace",
    readonly: false,
    overlay: false,
    via: "virtiofs",
    masks: [],
    state: "ready",
    socket: "/r/0123456789ab/share0.sock",
  }]);
  assert.deepEqual(overSsh, [{
    id: "share1",
    tag: "nixbox-share1",
    source: "/real/data",
    identity: "1:3",
    target: "/mnt/data",
    readonly: true,
    overlay: false,
    via: "sshfs",
    masks: [],
    state: "changing",
    socket: "/r/0123456789ab/share1.root",
  }]);
});

Deno.test("vsock: the runner is changed to this machine's size, sockets, console, disk and shares", () => {
  const plan = makeVsockPlan(input);
  const view = readRunner(plan.script);
  assert.deepEqual([view.cpus, view.memoryMB], [3, 1500]);
  assert.equal(view.apiSocket, "/r/0123456789ab/api.sock");
  const disk = view.disks.find(({ serial }) => serial === "nixbox");
  assert.equal(disk?.path, "/m/0123456789ab.secrets/provisioning.img");
  assert.equal(disk?.readonly, true);
  const mine = view.shares.filter(({ tag }) => tag.startsWith("nixbox-"));
  assert.deepEqual(mine.map(({ tag, source }) => [tag, source]), [
    ["nixbox-share0", "/home/ann/box"],
  ]);
  assert.match(plan.script, /virtio-serial,logFilePath=\/s\/p\/logs\/console\.log/);
  assert.doesNotMatch(plan.script, /stdio|rosetta/);
  assert.deepEqual(plan.vmm, ["/bin/bash", "/r/0123456789ab/microvm-run"]);
  assert.deepEqual(plan.directories, ["/r/0123456789ab", "/m/0123456789ab.secrets"]);
  assert.deepEqual(plan.asRoot, []);
});

const ssh = { port: 2222, socket: "/r/0123456789ab/vsock-ssh.sock", direction: "connect" };
const toProxy = { port: 3128, socket: "/r/0123456789ab/proxy.sock", direction: "listen" };
const card = { kind: "nat", mac: "02:00:00:00:00:07" };
const modes = [
  ["open", input, [card], [ssh]],
  ["filtered", filtered, [], [ssh, toProxy]],
  ["off", withNetwork({ mode: "off" }), [], [ssh]],
] as const;

for (const [mode, input, networks, ports] of modes) {
  Deno.test(`vsock: in mode ${mode} the guest has these cards and ports, and no others`, () => {
    const plan = makeVsockPlan(input);
    const view = readRunner(plan.script);
    assert.deepEqual(view.networks, networks);
    assert.deepEqual(view.vsockPorts, ports);
    assert.equal(plan.proxy !== undefined, mode === "filtered");
  });
}

Deno.test("vsock, filtered: the proxy is this program; the guest is told of it, and env wins", () => {
  const { proxy, provisioning, environment } = makeVsockPlan({
    ...filtered,
    env: { HTTP_PROXY: "mine" },
  });
  assert.deepEqual(proxy, {
    argv: [
      ...["/bin/deno", "run", "/n/main.ts", "internal-proxy", "/r/0123456789ab/proxy.sock"],
      ...["/r/0123456789ab/policy.json", "/s/p/logs/proxy.log", "/r/0123456789ab/api.sock"],
    ],
    socket: "/r/0123456789ab/proxy.sock",
    policyFile: "/r/0123456789ab/policy.json",
  });
  assert.equal(provisioning.proxyPort, 3128);
  assert.equal(provisioning.env["https_proxy"], "http://127.0.0.1:3128");
  assert.equal(environment["https_proxy"], "http://127.0.0.1:3128");
  assert.equal(environment["HTTP_PROXY"], "mine");
  assert.equal(provisioning.dns, undefined);
});

Deno.test("vsock: resolvers of the config go to the guest in mode open, and to the proxy in filtered", () => {
  const open = makeVsockPlan(withNetwork({ dns: ["192.0.2.7"] }));
  assert.deepEqual(open.provisioning.dns, ["192.0.2.7"]);
  assert.equal(open.provisioning.proxyPort, undefined);
  assert.equal(open.provisioning.env["http_proxy"], undefined);
  assert.deepEqual(makeVsockPlan(filtered).record.network.policy.resolvers, ["192.0.2.1"]);
});

Deno.test("vsock: the guest mounts what vfkit shares; secrets are in what goes over SSH alone", () => {
  const { environment, ...rest } = makeVsockPlan(input);
  const { provisioning } = rest;
  assert.equal(environment["TOKEN"], "secret");
  assert.deepEqual(provisioning.mounts, [
    { tag: "nixbox-share0", target: "/home/dev/workspace", mode: "rw" },
  ]);
  assert.doesNotMatch(JSON.stringify(rest), /secret"/);
});

Deno.test("vsock: Rosetta comes where the config asks for it", () => {
  assert.match(makeVsockPlan(withConfig({ rosetta: true })).script, /rosetta,mountTag=rosetta/);
});

Deno.test("vsock: a directory that vfkit cannot name is shared over SSH, with .nixbox hidden", () => {
  for (const path of ["/home/ann/a, b", "/home/ann/box 2", '/home/ann/"q"', "/home/ann/50%"]) {
    const sources = [{ path, identity: "1:9" }, { path: "/real/data", identity: "1:3" }];
    const privateDirectories = [`${path}/.nixbox`];
    const [share] = makeVsockPlan({ ...input, sources, privateDirectories }).overSsh;
    assert.equal(share?.via, "sshfs");
    assert.deepEqual(share?.masks, [`${path}/.nixbox`]);
  }
});

const shareOf = (path: string) => [
  { path, identity: "1:2" },
  { path: "/real/data", identity: "1:3" },
];
const overlay = exampleConfig.mounts.map((mount) => ({ ...mount, overlay: true }));
const paths = exampleFacts.host.paths;
const withPaths = (change: Partial<typeof paths>): VsockPlanInput => ({
  ...input,
  host: { ...input.host, paths: { ...paths, ...change } },
});

const refusals: readonly (readonly [what: string, input: VsockPlanInput, says: RegExp])[] = [
  ["an overlay", withConfig({ mounts: overlay }), /no shares with overlay/],
  [
    "a share in which another private directory lies",
    { ...input, sources: shareOf("/"), privateDirectories: ["/s"] },
    /\/ must not be shared: nothing can be hidden/,
  ],
  [
    "a private directory itself",
    { ...input, sources: shareOf("/home/ann/box/.nixbox") },
    /must not be shared/,
  ],
  [
    "a share over SSH that could rename what leads to a mask",
    { ...input, sources: shareOf("/home, ann"), privateDirectories: ["/home, ann/deep/.nixbox"] },
    /\/home, ann must not be shared/,
  ],
];

for (const [what, input, says] of refusals) {
  Deno.test(`vsock: ${what} is refused`, () => assert.throws(() => makeVsockPlan(input), says));
}

Deno.test("vsock: paths that vfkit cannot take are refused, with the variable that moves them", () => {
  const places: readonly (readonly [input: VsockPlanInput, variable: RegExp])[] = [
    [withPaths({ runtime: "/r r" }), /set XDG_RUNTIME_DIR/],
    [withPaths({ secrets: "/m#" }), /set XDG_RUNTIME_DIR/],
    [{ ...input, state: { ...input.state, directory: "/s,s/p" } }, /set XDG_STATE_HOME/],
  ];
  for (const [input, variable] of places) {
    assert.throws(() => makeVsockPlan(input), { message: /vfkit cannot use/, hint: variable });
  }
});
