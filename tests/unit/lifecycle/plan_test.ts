import assert from "node:assert/strict";
import { expandHome } from "../../../lib/base/paths.ts";
import { makePlan, type PlanInput } from "../../../lib/lifecycle/boot/linux/tap_plan.ts";
import { summaryOf } from "../../../lib/lifecycle/up_summary.ts";
import { readRunner } from "../../../lib/runner/mod.ts";
import { exampleFacts } from "../support/facts.ts";

const fixture = new URL("../runner/fixtures/qemu.sh", import.meta.url);
const runner = readRunner(await Deno.readTextFile(fixture));

const input: PlanInput = {
  ...exampleFacts,
  runner,
  hostHasIpv6: true,
  sharedDirectory: "/run/nixbox",
  slot: 7,
  hostNetwork: { addresses: ["198.51.100.9"], subnets: ["198.51.100.0/24"], routes: [] },
  range: "10.201.0.0/16",
  resolvers: ["192.0.2.1"],
  canFilterRecords: true,
  runnerShares: [],
  isolation: "user-namespace",
  tools: {
    ...exampleFacts.tools,
    setpriv: "/usr/bin/setpriv",
    virtiofsd: "/usr/libexec/virtiofsd",
    ofFilter: [],
  },
  groupManager: "none",
  hasLandlock: false,
  openFilesLimit: 1_000_000,
  raiseOpenFiles: [],
  callFilter: ["limit"],
};

Deno.test("a plan's summary tells shares, variables' names, root's commands, programs and script", () => {
  const secret = "s3cret value";
  const plan = makePlan({ ...input, env: { TOKEN: secret } });
  const summary = summaryOf(plan);
  assert.equal(summary.address, "10.201.7.2");
  assert.deepEqual(summary.variables, ["TOKEN"]);
  assert.ok(!JSON.stringify(summary).includes(secret));
  assert.deepEqual(summary.shares[0], {
    source: "/home/ann/box",
    target: "/home/dev/workspace",
    readonly: false,
    overlay: false,
    via: "virtiofs",
  });
  assert.equal(summary.asRoot, plan.asRoot);
  assert.deepEqual(summary.programs, [
    ...plan.virtiofsd.map(({ argv }) => argv),
    plan.vmm,
    plan.ssh,
  ]);
  assert.equal(summary.firewall, plan.network.firewall);
  assert.equal(summary.script, plan.script);
});

Deno.test("the record names everything that will be made, before it is", () => {
  const { record } = makePlan(input);
  assert.deepEqual(record, {
    version: 3,
    id: "0123456789ab",
    name: "box",
    project: "/home/ann/box",
    state: "starting",
    startedAt: 1_700_000_000_500,
    starter: { pid: 5, startTime: "b/5" },
    hypervisor: "qemu",
    acceleration: "emulation",
    cpus: 3,
    memoryMB: 1500,
    build: "prebuilt",
    runtimeDirectory: "/r/0123456789ab",
    secretsDirectory: "/m/0123456789ab.secrets",
    apiSocket: "/r/0123456789ab/vmm/api.sock",
    servers: [],
    shares: [
      {
        id: "share0",
        tag: "nixbox-share0",
        source: "/home/ann/box",
        identity: "1:2",
        target: "/home/dev/workspace",
        readonly: false,
        overlay: false,
        via: "virtiofs",
        masks: ["/home/ann/box/.nixbox"],
        state: "ready",
        socket: "/r/0123456789ab/vmm/share0.sock",
      },
      {
        id: "share1",
        tag: "nixbox-share1",
        source: "/real/data",
        identity: "1:3",
        target: "/mnt/data",
        readonly: true,
        overlay: false,
        via: "virtiofs",
        masks: [],
        state: "ready",
        socket: "/r/0123456789ab/vmm/share1.sock",
      },
    ],
    nextShare: 2,
    network: {
      kind: "tap",
      policy: {
        mode: "open",
        domains: [],
        denied: [],
        ports: [80],
        inspect: true,
        allowHost: [],
        allowPrivate: [],
        resolvers: ["192.0.2.1"],
        followsHost: true,
      },
      slot: 7,
      tap: "guest",
      table: "nixbox_s7",
      mac: "02:00:00:00:00:07",
      gateway: "10.201.7.1",
      address: "10.201.7.2",
    },
    guest: { user: "dev", home: "/home/dev" },
    hooks: { preDown: ["b"], postDown: ["c"], files: [] },
  });
});

Deno.test("the runner is changed to this machine's size, tap, sockets, disk and shares", () => {
  const view = readRunner(makePlan(input).script);
  assert.equal(view.cpus, 3);
  assert.equal(view.memoryMB, 1500);
  assert.equal(view.apiSocket, "/r/0123456789ab/vmm/api.sock");
  assert.equal(view.vsockCid, undefined);
  assert.deepEqual(view.networks, [{ kind: "tap", tap: "guest", mac: "02:00:00:00:00:07" }]);
  const disk = view.disks.find(({ serial }) => serial === "nixbox");
  assert.deepEqual(disk, {
    path: "/m/0123456789ab.secrets/provisioning.img",
    readonly: true,
    id: "provisioning",
    serial: "nixbox",
  });
  assert.deepEqual(
    view.shares.filter(({ tag }) => tag.startsWith("nixbox-")).map((
      { id, socket },
    ) => [id, socket]),
    [["share0", "/r/0123456789ab/vmm/share0.sock"], ["share1", "/r/0123456789ab/vmm/share1.sock"]],
  );
});

Deno.test("where the limit of open files can be raised, virtiofsd starts with more", () => {
  const raise = ["prlimit", "--nofile=1000000:1000000"];
  const [own] = makePlan({ ...input, raiseOpenFiles: raise }).virtiofsd;
  assert.deepEqual(own?.argv.slice(0, 3), [...raise, "unshare"]);
});

Deno.test("every directory is served by its own virtiofsd, and .nixbox is masked where it is", () => {
  const [own, other] = makePlan(input).virtiofsd;
  assert.ok(own?.argv.includes(".nixbox"));
  assert.ok(own?.argv.includes("/home/ann/box"));
  assert.ok(own?.argv.includes("--shared-dir=/r/0123456789ab/share0.sock.root"));
  assert.ok(!own?.argv.includes("--readonly"));
  assert.ok(other?.argv.includes("--readonly"));
  assert.ok(!other?.argv.some((word) => word.includes(".nixbox")));
});

Deno.test("a share of .nixbox itself is refused", () => {
  const sources = [
    { path: "/home/ann/box/.nixbox/ssh", identity: "1:4" },
    { path: "/data", identity: "1:5" },
  ];
  assert.throws(() => makePlan({ ...input, sources }), /must not be shared/);
});

Deno.test("what a runner brings as its own share is served read-only, under its own tag", () => {
  const store = { tag: "ro-store", source: "/nix/store", identity: "1:6" };
  const plan = makePlan({ ...input, runnerShares: [store] });
  assert.equal(plan.record.shares[0]?.target, undefined);
  assert.equal(plan.record.shares[0]?.readonly, true);
  assert.ok(plan.virtiofsd[0]?.argv.includes("--readonly"));
  const view = readRunner(plan.script);
  assert.equal(view.shares.filter(({ tag }) => tag === "ro-store").length, 1);
  const tags = plan.provisioning.mounts.map(({ tag }) => tag);
  assert.deepEqual(tags, ["nixbox-share0", "nixbox-share1"]);
});

Deno.test("the guest is told its user, name, clock, variables and mounts", () => {
  assert.deepEqual(makePlan(input).provisioning, {
    user: "dev",
    hostname: "box",
    clock: 1_700_000_000,
    env: { TOKEN: "secret" },
    mounts: [
      { tag: "nixbox-share0", target: "/home/dev/workspace", mode: "rw" },
      { tag: "nixbox-share1", target: "/mnt/data", mode: "ro" },
    ],
  });
});

Deno.test("secrets are in the provisioning files alone", () => {
  const { provisioning: _, ...rest } = makePlan(input);
  assert.doesNotMatch(JSON.stringify(rest), /secret"/);
});

Deno.test("rules, tap and dnsmasq are the slot's", () => {
  const plan = makePlan(input);
  assert.match(plan.network.firewall, /table inet nixbox_s7 \{/);
  assert.match(plan.network.tap, /tuntap add dev guest mode tap user 1000 multi_queue/);
  assert.match(plan.network.dnsmasq.config, /listen-address=10\.201\.7\.1/);
  assert.deepEqual(plan.directories, [
    ...["/r/0123456789ab", "/r/0123456789ab/vmm", "/m/0123456789ab.secrets"],
  ]);
  assert.deepEqual(plan.vmm, ["/bin/bash", "/r/0123456789ab/microvm-run"]);
  assert.equal(plan.ssh[0], "ssh");
});

Deno.test("every command that runs as root is listed", () => {
  const programs = makePlan(input).asRoot.map(([program]) => program);
  const open = [
    ...["install", "sh", "flock", "sh"],
    ...["ip", "ip", "nsenter", "nft", "ip", "tee", "nsenter", "ip"],
    ...["tee", "iptables", "sh", "tee", "tee", "nsenter", "nsenter", "nft", "tee"],
    // The watch of the slot, and the hypervisor.
    ...["nsenter", "nsenter"],
  ];
  assert.deepEqual(programs, open);
  // Root goes into the namespace, and is the user again there.
  const vmm = makePlan(input).asRoot.at(-1);
  assert.deepEqual(vmm?.slice(0, 5), [
    ...["nsenter", "--net=/run/netns/nbx7", "--", "setpriv", "--reuid=1000"],
  ]);
  const weaker = makePlan({ ...input, isolation: "root-mount-namespace" });
  assert.equal(weaker.asRoot.filter(([program]) => program === "unshare").length, 2);
});

Deno.test("~ is the guest user's home", () => {
  assert.equal(expandHome("~/a", "/home/dev"), "/home/dev/a");
  assert.equal(expandHome("~", "/home/dev"), "/home/dev");
  assert.equal(expandHome("/~/a", "/home/dev"), "/~/a");
});
