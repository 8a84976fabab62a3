import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { NixboxError } from "../../../lib/base/error.ts";
import { readRunner, type RunnerView, writeRunner } from "../../../lib/runner/mod.ts";
import { argvOf, fixture, type FixtureName, fixtureText } from "./fixtures.ts";

const store = (name: string) => `/nix/store/0000000000000000000000000000${name}`;

const linux: Partial<RunnerView> = {
  cpus: 256,
  memoryMB: 65536,
  shares: [{ tag: "ro-store", socket: "nixbox-virtiofs-ro-store.sock" }],
  networks: [{ kind: "tap", tap: "vmtap0", mac: "02:00:00:00:00:01" }],
  initrd: store("init-initrd/initrd"),
  vsockCid: 3,
};

const vfkit: RunnerView = {
  hypervisor: "vfkit",
  cpus: 256,
  memoryMB: 65536,
  disks: [
    { path: store("stor-store.erofs"), readonly: true },
    { path: "root.img", readonly: false },
  ],
  shares: [{ tag: "ro-store", source: "/nix/store" }],
  networks: [{ kind: "nat", mac: "02:00:00:00:00:01" }],
  vsockPorts: [],
  kernel: store("krnl-linux/Image"),
  initrd: store("init-initrd/initrd"),
  cmdline: `console=hvc0 reboot=t panic=-1 test=a,b init=${store("syst-nixos/init")}`,
};

const views: Readonly<Record<FixtureName, Partial<RunnerView>>> = {
  qemu: {
    ...linux,
    hypervisor: "qemu",
    disks: [
      { path: store("stor-store.erofs"), readonly: true },
      { path: "root.img", readonly: false, serial: "root" },
    ],
    kernel: store("krnl-linux/bzImage"),
    cmdline: "earlyprintk=ttyS0 console=ttyS0 reboot=t panic=-1 root=fstab " +
      `init=${store("syst-nixos/init")}`,
    apiSocket: "nixbox.sock",
  },
  "cloud-hypervisor": {
    ...linux,
    hypervisor: "cloud-hypervisor",
    disks: [
      { path: store("stor-store.erofs"), readonly: true },
      { path: "root.img", readonly: false, serial: "root" },
    ],
    kernel: store("krnl-linux-dev/vmlinux"),
    cmdline: `earlyprintk=ttyS0 console=ttyS0 reboot=t panic=-1 init=${store("syst-nixos/init")}`,
    apiSocket: "api.sock",
  },
  vfkit,
  vfkit_socket: { ...vfkit, apiSocket: "api.sock" },
};

const names: readonly FixtureName[] = ["qemu", "cloud-hypervisor", "vfkit", "vfkit_socket"];

for (const name of names) {
  Deno.test(`microvm.nix's runner for ${name} is read whole`, () => {
    const { script: _, ...view } = fixture(name);
    deepStrictEqual(view, views[name]);
  });

  Deno.test(`an unchanged runner for ${name} says the same when it is written and read`, () => {
    const runner = fixture(name);
    const again = readRunner(writeRunner(runner));
    deepStrictEqual(argvOf(again), argvOf(runner));
    strictEqual(again.script.prelude, runner.script.prelude);
    deepStrictEqual(again.script.processName, "microvm@nixbox");
  });
}

Deno.test("what comes before the last command is kept as it stands", () => {
  const text = fixtureText("qemu");
  ok(writeRunner(fixture("qemu")).startsWith(text.slice(0, text.indexOf("exec -a"))));
});

Deno.test("room for the environment's arguments stays at the end", () => {
  ok(writeRunner(fixture("cloud-hypervisor")).endsWith(" ${runtime_args:-}\n"));
});

Deno.test("the inner script of bash -c becomes the runner's own, with vfkit as its program", () => {
  const { script } = fixture("vfkit_socket");
  strictEqual(script.program, store("vfki-vfkit-0.6.3/bin/vfkit"));
  match(script.prelude, /^SOCKET_ABS=api\.sock$/m);
  deepStrictEqual(script.argv.slice(-2), [
    "--restful-uri",
    { shell: '"unix:///$SOCKET_ABS"', isOneWord: true },
  ]);
});

Deno.test("a wrapper is known by the arguments that it is given", () => {
  const text = fixtureText("qemu").replace(/\S+qemu-system-x86_64/, "/opt/wrapper");
  strictEqual(readRunner(text).hypervisor, "qemu");
});

/** The error that reading a text gives. */
function errorOf(text: string): NixboxError {
  try {
    readRunner(text, "microvm-run");
  } catch (error) {
    if (error instanceof NixboxError) return error;
    throw error;
  }
  throw new Error("the text was read");
}

const unreadable: readonly [claim: string, change: (text: string) => string, RegExp, RegExp][] = [
  [
    "an open quote",
    (text) => text.replace("-nographic", "'-nographic"),
    /not closed/,
    /^microvm-run:1[0-9]$/,
  ],
  ["a command after the last", (text) => `${text}echo done\n`, /second command/, /:12$/],
  ["a pipe", (text) => text.replace(" ${runtime_args:-}", " | cat"), /unexpected "\|"/, /:11$/],
  ["no exec", (text) => text.replace("exec -a", "run"), /not exec/, /:12$/],
  ["no text at all", () => "", /not exec/, /:1$/],
  [
    "a program that only the shell knows",
    (text) => text.replace(/\S+qemu-system-x86_64/, "$QEMU"),
    /which program/,
    /:11$/,
  ],
  [
    "a hypervisor that nixbox does not drive",
    (text) => text.replace(/exec.*/s, "exec /nix/store/x/bin/firecracker --config-file c\n"),
    /firecracker/,
    /:11$/,
  ],
  ["no memory", (text) => text.replace("-m 65536M", ""), /no -m\b/, /:11$/],
  ["a memory that is not a size", (text) => text.replace("65536M", "much"), /-m much/, /:11$/],
  [
    "a number of vCPUs from the shell",
    (text) => text.replace("-smp 256", "-smp $N"),
    /-smp/,
    /:11$/,
  ],
  ["no kernel", (text) => text.replace(/-kernel \S+/, ""), /no -kernel/, /:11$/],
];

for (const [claim, change, reason, where] of unreadable) {
  Deno.test(`a runner with ${claim} is refused with its line, the reason and the known version`, () => {
    const error = errorOf(change(fixtureText("qemu")));
    match(error.message, reason);
    match(error.where ?? "", where);
    match(error.hint ?? "", /microvm\.nix 71beea0|drives/);
  });
}

Deno.test("the line that does not parse is shown", () => {
  const error = errorOf("set -e\nexec qemu-system-x86_64 -name it's\n");
  deepStrictEqual(error.log, ["exec qemu-system-x86_64 -name it's"]);
  strictEqual(error.where, "microvm-run:2");
});
