import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { NixboxError } from "../../../lib/base/error.ts";
import {
  patchRunner,
  readRunner,
  type RunnerChanges,
  writeRunner,
} from "../../../lib/runner/mod.ts";
import { argvOf, fixture, type FixtureName, fixtureText, valuesAfter } from "./fixtures.ts";

/** A change, the flags that it shows in with all their values, and those that must be gone. */
interface Case {
  readonly claim: string;
  readonly of: FixtureName;
  readonly changes: RunnerChanges;
  readonly flags?: Readonly<Record<string, readonly string[]>>;
  readonly holds?: readonly string[];
  readonly lacks?: readonly (string | RegExp)[];
}

const disk = { path: "/run/a,b/p.img", readonly: true, id: "provisioning", serial: "nixbox" };
const share = { tag: "nixbox-share0", socket: "/run/s,0.sock", id: "share0" };
const tap = { kind: "tap", tap: "nbx7", mac: "02:00:00:00:00:07" } as const;

const cases: readonly Case[] = [
  {
    claim: "vCPUs bound every queue",
    of: "cloud-hypervisor",
    changes: { cpus: 3 },
    flags: {
      "--cpus": ["boot=3"],
      "--disk": [
        "num_queues=3,path=/nix/store/0000000000000000000000000000stor-store.erofs,readonly=on",
        "direct=on,image_type=raw,num_queues=3,path=root.img,readonly=off,serial=root",
      ],
      "--net": ["mac=02:00:00:00:00:01,num_queues=6,tap=vmtap0"],
    },
  },
  {
    claim: "a single vCPU has one pair of queues",
    of: "cloud-hypervisor",
    changes: { cpus: 1, networks: [tap] },
    flags: { "--net": ["mac=02:00:00:00:00:07,num_queues=2,tap=nbx7"] },
  },
  {
    claim: "vCPUs set the card's queues and vectors",
    of: "qemu",
    changes: { cpus: 3 },
    flags: {
      "-smp": ["3"],
      "-netdev": ["tap,id=vmtap0,ifname=vmtap0,script=no,downscript=no,queues=3"],
    },
    holds: ["virtio-net-pci,netdev=vmtap0,mac=02:00:00:00:00:01,romfile=,mq=on,vectors=8"],
  },
  {
    claim: "a single vCPU has no queues",
    of: "qemu",
    changes: { cpus: 1 },
    flags: {
      "-smp": ["1"],
      "-netdev": ["tap,id=vmtap0,ifname=vmtap0,script=no,downscript=no"],
    },
    holds: ["virtio-net-pci,netdev=vmtap0,mac=02:00:00:00:00:01,romfile="],
    lacks: [/mq=on/],
  },
  { claim: "vCPUs", of: "vfkit", changes: { cpus: 3 }, flags: { "--cpus": ["3"] } },
  {
    claim: "memory",
    of: "cloud-hypervisor",
    changes: { memoryMB: 4096 },
    flags: { "--memory": ["mergeable=on,shared=on,size=4096M"] },
  },
  {
    claim: "memory and its backend stay equal",
    of: "qemu",
    changes: { memoryMB: 4096 },
    flags: {
      "-m": ["4096M"],
      "-object": ["memory-backend-memfd,id=mem,size=4096M,share=on"],
    },
  },
  { claim: "memory", of: "vfkit", changes: { memoryMB: 4096 }, flags: { "--memory": ["4096"] } },
  {
    claim: "what the hypervisor confines itself by is on in full",
    of: "qemu",
    changes: { confined: true },
    flags: {
      "-sandbox": ["on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
      "-M": ["q35,accel=kvm:tcg,acpi=on,mem-merge=on,dump-guest-core=off"],
    },
  },
  {
    claim: "what the hypervisor confines itself by is on in full",
    of: "cloud-hypervisor",
    changes: { confined: true },
    flags: { "--seccomp": ["true"] },
  },
  {
    claim: "Landlock's rules name what it may open later",
    of: "cloud-hypervisor",
    changes: { openable: ["/s/disks", "/r/a,b"] },
    flags: { "--landlock-rules": ["path=/s/disks,access=rw", 'path="/r/a,b",access=rw'] },
    holds: ["--landlock"],
  },
  {
    claim: "another network card",
    of: "qemu",
    changes: { cpus: 2, networks: [tap] },
    flags: { "-netdev": ["tap,id=net0,ifname=nbx7,script=no,downscript=no,queues=2"] },
    holds: ["virtio-net-pci,netdev=net0,mac=02:00:00:00:00:07,romfile=,mq=on,vectors=6"],
    lacks: [/vmtap0/],
  },
  {
    claim: "no network card at all",
    of: "qemu",
    changes: { networks: [] },
    lacks: ["-netdev", /virtio-net/],
  },
  {
    claim: "no network card at all",
    of: "cloud-hypervisor",
    changes: { networks: [] },
    lacks: ["--net", /vmtap0/],
  },
  {
    claim: "no network card at all",
    of: "vfkit",
    changes: { networks: [] },
    lacks: [/virtio-net/],
  },
  {
    claim: "another network card",
    of: "vfkit",
    changes: { networks: [{ kind: "nat", mac: "02:00:00:00:00:07" }] },
    holds: ["virtio-net,nat,mac=02:00:00:00:00:07"],
    lacks: [/02:00:00:00:00:01/],
  },
  {
    claim: "a vsock with its socket beside the control socket",
    of: "cloud-hypervisor",
    changes: { vsockCid: 9, apiSocket: "/run/x/api.sock" },
    flags: { "--vsock": ["cid=9,socket=/run/x/notify.vsock"], "--api-socket": ["/run/x/api.sock"] },
  },
  {
    claim: "no vsock",
    of: "cloud-hypervisor",
    changes: { vsockCid: null },
    lacks: ["--vsock", /notify\.vsock$/],
  },
  {
    claim: "another CID",
    of: "qemu",
    changes: { vsockCid: 9 },
    holds: ["vhost-vsock-pci,guest-cid=9"],
    lacks: [/guest-cid=3/],
  },
  { claim: "no vsock", of: "qemu", changes: { vsockCid: null }, lacks: [/vhost-vsock/] },
  {
    claim: "the control socket, a comma in its path doubled",
    of: "qemu",
    changes: { apiSocket: "/run/a,b/q=.sock" },
    flags: { "-qmp": ["unix:/run/a,,b/q=.sock,server,nowait"] },
  },
  {
    claim: "a control socket where there was none",
    of: "vfkit",
    changes: { apiSocket: "/tmp/x/api.sock" },
    flags: { "--restful-uri": ["unix:///tmp/x/api.sock"] },
  },
  {
    claim: "the control socket instead of one that the shell computes",
    of: "vfkit_socket",
    changes: { apiSocket: "/tmp/x/api.sock" },
    flags: { "--restful-uri": ["unix:///tmp/x/api.sock"] },
  },
  {
    claim: "a disk, in the form of the runner's own, commas quoted",
    of: "cloud-hypervisor",
    changes: { addDisks: [disk] },
    holds: ['image_type=raw,path="/run/a,b/p.img",readonly=on,id=provisioning,serial=nixbox'],
  },
  {
    claim: "a disk on a root port, commas doubled",
    of: "qemu",
    changes: { addDisks: [disk] },
    holds: [
      "id=drive-provisioning,format=raw,file=/run/a,,b/p.img,if=none,read-only=on",
      "virtio-blk-pci,drive=drive-provisioning,id=provisioning,bus=hotplug0,serial=nixbox",
    ],
  },
  {
    claim: "a disk that the guest knows by its id",
    of: "vfkit",
    changes: { addDisks: [{ ...disk, path: "/tmp/p.img" }] },
    holds: ["virtio-blk,path=/tmp/p.img,readonly,deviceId=nixbox"],
  },
  {
    claim: "a share, commas quoted",
    of: "cloud-hypervisor",
    changes: { addShares: [share] },
    flags: {
      "--fs": [
        "socket=nixbox-virtiofs-ro-store.sock,tag=ro-store",
        'socket="/run/s,0.sock",tag=nixbox-share0,id=share0',
      ],
    },
  },
  {
    claim: "a share on a root port, commas doubled",
    of: "qemu",
    changes: { addShares: [share] },
    holds: [
      "socket,id=chardev-share0,path=/run/s,,0.sock",
      "vhost-user-fs-pci,chardev=chardev-share0,tag=nixbox-share0,id=share0,bus=hotplug0",
    ],
  },
  {
    claim: "a share",
    of: "vfkit",
    changes: { addShares: [{ tag: "code", source: "/Users/a/code" }] },
    holds: ["virtio-fs,sharedDir=/Users/a/code,mountTag=code"],
  },
  {
    claim: "the last share goes with its flag",
    of: "cloud-hypervisor",
    changes: { removeShares: ["ro-store"] },
    lacks: ["--fs", /ro-store/],
  },
  {
    claim: "a share goes with its chardev",
    of: "qemu",
    changes: { removeShares: ["ro-store"] },
    lacks: [/ro-store/, /fs0/],
  },
  {
    claim: "a share goes",
    of: "vfkit",
    changes: { removeShares: ["ro-store"] },
    lacks: [/ro-store/],
  },
  {
    claim: "emulation",
    of: "qemu",
    changes: { acceleration: "tcg" },
    flags: {
      "-M": ["q35,acpi=on,mem-merge=on"],
      "-cpu": ["max"],
      "-accel": ["tcg,thread=single"],
    },
    lacks: ["-enable-kvm", /kvm/],
  },
  {
    claim: "KVM only",
    of: "qemu",
    changes: { acceleration: "kvm" },
    flags: { "-M": ["q35,accel=kvm,acpi=on,mem-merge=on"], "-cpu": ["host,+x2apic,-sgx"] },
    holds: ["-enable-kvm"],
  },
  {
    claim: "the console in a file, under the chardev's old name",
    of: "qemu",
    changes: { consoleLog: "/var/a,b.log" },
    holds: ["file,id=stdio,path=/var/a,,b.log,append=on"],
    lacks: [/^stdio,/],
  },
  {
    claim: "the console in a file",
    of: "cloud-hypervisor",
    changes: { consoleLog: "/var/a b.log" },
    flags: { "--serial": ["file=/var/a b.log"] },
  },
  {
    claim: "the console in a file",
    of: "vfkit",
    changes: { consoleLog: "/var/a.log" },
    holds: ["virtio-serial,logFilePath=/var/a.log"],
    lacks: ["virtio-serial,stdio"],
  },
  {
    claim: "vsock ports",
    of: "vfkit",
    changes: { vsockPorts: [{ port: 22, socket: "/tmp/x/ssh.sock", direction: "connect" }] },
    holds: ["virtio-vsock,port=22,socketURL=/tmp/x/ssh.sock,connect"],
  },
  {
    claim: "Rosetta",
    of: "vfkit_socket",
    changes: { rosetta: true },
    holds: ["rosetta,mountTag=rosetta"],
  },
  {
    claim: "no card at all",
    of: "vfkit_socket",
    changes: { networks: [] },
    lacks: [/virtio-net/],
  },
];

for (const { claim, of, changes, flags = {}, holds = [], lacks = [] } of cases) {
  Deno.test(`${of}: ${claim}`, () => {
    const before = fixture(of);
    const patched = readRunner(writeRunner(patchRunner(before, changes)));
    const argv = argvOf(patched);
    for (const [flag, values] of Object.entries(flags)) {
      deepStrictEqual(valuesAfter(patched, flag), values);
    }
    for (const word of holds) ok(argv.includes(word), `${word} is missing in ${argv.join("\n")}`);
    for (const word of lacks) {
      const found = argv.find((one) => typeof word === "string" ? one === word : word.test(one));
      strictEqual(found, undefined);
    }
    deepStrictEqual(argvOf(before), argvOf(fixture(of)), "the runner given stays as it is");
  });
}

const allFixtures: readonly FixtureName[] = ["qemu", "cloud-hypervisor", "vfkit", "vfkit_socket"];

for (const name of allFixtures) {
  Deno.test(`${name}: kernel parameters stand at the end of the command line`, () => {
    const before = fixture(name);
    const { cmdline } = patchRunner(before, { kernelParams: ["a=b", "c"] });
    strictEqual(cmdline, `${before.cmdline} a=b c`);
    throws(() => patchRunner(before, { kernelParams: ["a b"] }), /not one word/);
  });

  Deno.test(`${name}: no change changes nothing`, () => {
    const before = fixture(name);
    strictEqual(writeRunner(patchRunner(before, {})), writeRunner(before));
  });

  Deno.test(`${name}: a share that is not there cannot be taken away`, () => {
    throws(() => patchRunner(fixture(name), { removeShares: ["other"] }), /no share "other"/);
  });
}

Deno.test("Rosetta in the spelling that vfkit refuses is replaced", () => {
  const text = fixtureText("vfkit").replace(
    "--device virtio-rng",
    "--device virtio-rng --device rosetta,mountTag=rosetta,install,ignoreIfMissing",
  );
  const argv = argvOf(patchRunner(readRunner(text), { rosetta: true }));
  deepStrictEqual(argv.filter((word) => word.startsWith("rosetta")), ["rosetta,mountTag=rosetta"]);
});

const unread: readonly (readonly [what: string, words: string])[] = [
  ["a short flag", "-d virtio-net,nat"],
  ["a value in the flag's word", "--device=virtio-net,nat"],
  ["a port in the flag's word", "--device=virtio-vsock,port=1,socketURL=/x,listen"],
  ["a second service", "--restful-uri tcp://localhost:1 --restful-uri unix:///a"],
  ["ignition", "--ignition /x"],
  ["the clock's own port", "--timesync vsockPort=1"],
];

for (const [what, words] of unread) {
  Deno.test(`vfkit: ${what} is refused, since it would be passed over`, () => {
    const text = fixtureText("vfkit").replace("--device virtio-rng", `$& ${words}`);
    throws(() => readRunner(text), /long flags|several --restful-uri/);
  });
}

Deno.test("a machine with its store on a disk has no share of the host's", () => {
  const text = fixtureText("vfkit_socket").replace(/ --device '\\''virtio-fs[^']*'\\''/, "");
  const before = readRunner(text);
  deepStrictEqual(before.shares, []);
  const { shares, disks } = patchRunner(before, {
    addShares: [{ tag: "t", source: "/a" }],
    addDisks: [{ path: "/d", readonly: true, serial: "nixbox" }],
  });
  deepStrictEqual(shares, [{ tag: "t", source: "/a" }]);
  deepStrictEqual(disks.length, before.disks.length + 1);
});

Deno.test("a value with brackets is not rewritten when its neighbour changes", () => {
  const text = fixtureText("cloud-hypervisor").replace("num_queues=256,path", "$&")
    .replace("direct=on,", "queue_affinity=[0@[1,2]],direct=on,");
  const disks = valuesAfter(patchRunner(readRunner(text), { cpus: 1 }), "--disk");
  ok(disks[1]?.startsWith("queue_affinity=[0@[1,2]],direct=on,image_type=raw,num_queues=1,"));
});

Deno.test("a card keeps what nixbox does not know when the vCPUs change", () => {
  const text = fixtureText("qemu").replace("queues=256", "vhost=on,queues=256")
    .replace("romfile=,", "romfile=,host_mtu=1400,");
  const argv = argvOf(patchRunner(readRunner(text), { cpus: 2 }));
  ok(argv.includes("tap,id=vmtap0,ifname=vmtap0,script=no,downscript=no,vhost=on,queues=2"));
  ok(argv.some((word) => word.includes("host_mtu=1400") && word.endsWith("vectors=6")));
});

Deno.test("a kernel command line that looks like a flag is not taken for one", () => {
  const text = fixtureText("qemu").replace(/-append '[^']*'/, "-append -smp");
  const patched = patchRunner(readRunner(text), { cpus: 2 });
  strictEqual(patched.cmdline, "-smp");
  strictEqual(patched.cpus, 2);
});

Deno.test("maxmem stays as far above the memory as it was", () => {
  const text = fixtureText("qemu").replace("-m 65536M", "-m 65536M,maxmem=66560M");
  deepStrictEqual(valuesAfter(patchRunner(readRunner(text), { memoryMB: 1024 }), "-m"), [
    "1024M,maxmem=2048M",
  ]);
});

Deno.test("shares bring the shared memory that they need", () => {
  const qemu = fixtureText("qemu").replace(/-numa \S+ -object \S+/, "");
  deepStrictEqual(
    valuesAfter(patchRunner(readRunner(qemu), { addShares: [share], memoryMB: 512 }), "-object"),
    ["memory-backend-memfd,id=nixbox-memory,size=512M,share=on"],
  );
  const text = fixtureText("cloud-hypervisor").replace("shared=on", "shared=off");
  deepStrictEqual(
    valuesAfter(patchRunner(readRunner(text), { addShares: [share] }), "--memory"),
    ["mergeable=on,shared=on,size=65536M"],
  );
});

Deno.test("hot-plug ports are counted without those in use, and take little room on the bus", () => {
  const runner = patchRunner(fixture("qemu"), { addDisks: [disk], hotPlugPorts: 9 });
  const ports = argvOf(runner).filter((word) => word.startsWith("pcie-root-port"));
  // Two were there, one of them takes the disk: eight are missing, and fill one PCI slot.
  strictEqual(ports.length, 10);
  deepStrictEqual(
    ports.slice(2).map((port) => /addr=(.*)$/.exec(port)?.[1]),
    Array.from({ length: 8 }, (_, index) => `0x1e.0x${index}`),
  );
  const chassis = ports.map((port) => /chassis=(\d+)/.exec(port)?.[1]);
  strictEqual(new Set(chassis).size, ports.length);
  const more = argvOf(patchRunner(runner, { hotPlugPorts: 10 }));
  ok(more.some((word) => word.endsWith("addr=0x1d.0x0")));
});

Deno.test("a machine without root ports is refused with what to set", () => {
  const text = fixtureText("qemu").replace("'q35,", "'microvm,pcie=on,");
  throws(
    () => patchRunner(readRunner(text), { hotPlugPorts: 4 }),
    /microvm\.qemu\.machine = "q35"/,
  );
});

const impossible: readonly [FixtureName, RunnerChanges, RegExp, ((text: string) => string)?][] = [
  ["qemu", { apiSocket: "/a" }, /no -qmp/, (text) => text.replace(/-qmp \S+/, "")],
  ["qemu", { kernelParams: ["a"] }, /no -append/, (text) => text.replace(/-append '[^']*'/, "")],
  [
    "qemu",
    { kernelParams: ["a"] },
    /by the shell/,
    (text) => text.replace(/-append '/, "-append $X'"),
  ],
  ["qemu", { consoleLog: "/a" }, /-serial chardev/, (text) => text.replace(/-serial \S+/, "")],
  ["qemu", { acceleration: "tcg" }, /no -M/, (text) => text.replace(/-M \S+/, "")],
  ["qemu", { networks: [{ kind: "nat" }] }, /no "nat" network/],
  ["qemu", { addShares: [{ tag: "a", source: "/a" }] }, /needs a virtiofsd/],
  ["qemu", { addDisks: [{ path: "/a", readonly: true, id: "0" }] }, /id of a device/],
  ["qemu", { vsockPorts: [{ port: 1, socket: "/a", direction: "listen" }] }, /vsock port/],
  [
    "cloud-hypervisor",
    { apiSocket: "/a" },
    /no --api-socket/,
    (text) => text.replace("--api-socket api.sock", ""),
  ],
  [
    "cloud-hypervisor",
    { consoleLog: "/a" },
    /no --serial/,
    (text) => text.replace("--serial tty", ""),
  ],
  ["cloud-hypervisor", { networks: [{ kind: "nat" }] }, /no "nat" network/],
  ["cloud-hypervisor", { addShares: [{ tag: "a", source: "/a" }] }, /no virtiofsd/],
  ["cloud-hypervisor", { acceleration: "tcg" }, /KVM only/],
  ["vfkit", { apiSocket: "api.sock" }, /absolute/],
  ["vfkit", { apiSocket: "/tmp/a b.sock" }, /comma, space or quote/],
  ["vfkit", { apiSocket: "/tmp/a%20b.sock" }, /one of %/],
  ["vfkit", { apiSocket: "/tmp/a?b.sock" }, /one of %/],
  [
    "vfkit",
    { vsockPorts: [{ port: 22, socket: "/tmp/a#b.sock", direction: "connect" }] },
    /one of %/,
  ],
  ["vfkit", { addDisks: [{ path: "/tmp/a,b", readonly: true }] }, /comma/],
  ["vfkit", { addShares: [{ tag: "a", socket: "/a" }] }, /no directory/],
  ["vfkit", { networks: [tap] }, /no "tap" network/],
  ["vfkit", { hotPlugPorts: 1 }, /while a guest runs/],
  ["vfkit", { acceleration: "tcg" }, /emulate/],
];

for (const [name, changes, reason, change = (text: string) => text] of impossible) {
  Deno.test(`${name}: ${JSON.stringify(changes)} is refused where ${reason.source}`, () => {
    const runner = readRunner(change(fixtureText(name)), "microvm-run");
    throws(() => patchRunner(runner, changes), (error) => {
      if (!(error instanceof NixboxError)) return false;
      match(error.message, reason);
      match(error.where ?? "", /^microvm-run:\d+$/);
      match(error.hint ?? "", /microvm\.nix 71beea0/);
      return true;
    });
  });
}

Deno.test("a runner whose hypervisor cannot confine itself, or does so less, is confined as far", () => {
  const without = fixtureText("qemu").replace("-sandbox on ", "");
  ok(!argvOf(patchRunner(readRunner(without), { confined: true })).includes("-sandbox"));
  const old = fixtureText("cloud-hypervisor").replace(
    "cloud-hypervisor-51.0",
    "cloud-hypervisor-40.2",
  );
  const unruled = patchRunner(readRunner(old), { openable: ["/s"] });
  ok(!argvOf(unruled).some((word) => word.startsWith("--landlock")));
  const less = fixtureText("cloud-hypervisor").replace(/ --seccomp \S+/, " --seccomp log");
  const patched = patchRunner(readRunner(less), { confined: true });
  deepStrictEqual(valuesAfter(patched, "--seccomp"), ["true"]);
});
