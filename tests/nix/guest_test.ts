import assert from "node:assert/strict";
import { CommandError } from "../../lib/host/process/run.ts";
import { evaluate } from "./support/evaluate.ts";

Deno.test("a runner for QEMU has headroom, a q35 and sixteen ports to plug into", async () => {
  const ports = Array.from({ length: 16 }, (_, n) => ({ id: `hotplug${n}`, chassis: n + 1 }));
  assert.deepEqual(
    await evaluate(
      "c: { inherit (c.microvm) vcpu mem socket interfaces; inherit (c.microvm.qemu) machine pcieRootPorts; }",
    ),
    {
      vcpu: 256,
      mem: 65536,
      socket: "nixbox.sock",
      interfaces: [{ type: "tap", id: "vmtap0", mac: "02:00:00:00:00:01" }],
      machine: "q35",
      pcieRootPorts: ports,
    },
  );
});

Deno.test("a runner for cloud-hypervisor has the same headroom and a balloon", async () => {
  assert.deepEqual(
    await evaluate("c: { inherit (c.microvm) hypervisor vcpu mem balloon; }", {
      hypervisor: "cloud-hypervisor",
    }),
    { hypervisor: "cloud-hypervisor", vcpu: 256, mem: 65536, balloon: true },
  );
});

Deno.test("a Mac's guest is built for Linux and boots from a disk, not from the Mac's store", async () => {
  assert.deepEqual(
    await evaluate(
      "c: { inherit (c.microvm) hypervisor storeOnDisk vcpu; inherit (c.nixpkgs) flake; }",
      { hypervisor: "vfkit", hostSystem: "aarch64-darwin" },
    ),
    {
      hypervisor: "vfkit",
      storeOnDisk: true,
      vcpu: 4,
      flake: { setFlakeRegistry: false, setNixPath: false },
    },
  );
});

Deno.test("sshd takes its keys from the provisioning disk only, which is applied before it", async () => {
  const guest = await evaluate(`c: {
    inherit (c.services.openssh) hostKeys authorizedKeysFiles extraConfig settings;
    inherit (c.systemd.services.nixbox-provision) before requiredBy;
    start = c.systemd.services.nixbox-provision.serviceConfig.ExecStart;
  }`);
  assert.ok(typeof guest === "object" && guest !== null);
  assert.deepEqual({ ...guest, extraConfig: "", start: "" }, {
    hostKeys: [],
    authorizedKeysFiles: ["/run/nixbox/authorized_keys"],
    settings: {
      PermitRootLogin: "no",
      PasswordAuthentication: false,
      KbdInteractiveAuthentication: false,
      UseDns: false,
    },
    before: ["sshd.service", "docker.service", "nix-daemon.service"],
    requiredBy: ["sshd.service"],
    extraConfig: "",
    start: "",
  });
  assert.match(Reflect.get(guest, "extraConfig"), /^HostKey \/run\/nixbox\/ssh_host_ed25519_key$/m);
  assert.match(Reflect.get(guest, "extraConfig"), /^MaxSessions 100$/m);
  assert.match(Reflect.get(guest, "start"), /^\S+\/bin\/bash \S*provision\.sh$/);
});

Deno.test("the guest's user is the config's, with the uid and gid that shares are mapped to", async () => {
  assert.deepEqual(
    await evaluate("c: { inherit (c.users) users mutableUsers allowNoPasswordLogin; }", {
      config: { user: "ada" },
    }),
    {
      mutableUsers: false,
      allowNoPasswordLogin: true,
      users: {
        ada: {
          isNormalUser: true,
          uid: 1000,
          group: "users",
          extraGroups: ["wheel"],
          hashedPassword: "*",
        },
      },
    },
  );
});

Deno.test("packages and libraries come from nixpkgs by their names", async () => {
  assert.deepEqual(
    await evaluate(
      `c: { packages = map (p: p.name) c.nixbox.packages; libraries = map (p: p.name) c.nixbox.nixLd.libraries; all = builtins.length c.environment.systemPackages > 5; }`,
      {
        config: {
          "nix.packages": ["hello", "python3Packages.numpy"],
          "nix.ldLibraries": ["zlib"],
        },
      },
    ),
    { packages: ["hello", "numpy"], libraries: ["zlib"], all: true },
  );
});

Deno.test("a project's modules are part of the machine, with what they import, in odd places too", async () => {
  const sizes = await evaluate("c: { inherit (c.nixbox) diskGB; inherit (c) motd; }", {
    files: {
      "module it's.nix": "{ imports = [ ./more.nix ]; nixbox.diskGB = 7; }",
      "module2.nix": "{ lib, ... }: { motd = builtins.readFile ./motd.txt; }",
      "more.nix": "{ lib, ... }: { nixbox.diskGB = lib.mkForce 9; }",
      "motd.txt": "hello",
    },
  });
  assert.deepEqual(sizes, { diskGB: 9, motd: "hello" });
});

Deno.test("a module may be a symlink, and import through one", async () => {
  const name = await evaluate("c: c.motd", {
    files: {
      "real.nix": "{ imports = [ ./alias.nix ]; }",
      "other.nix": '{ motd = "by links"; }',
    },
    links: { "module.nix": "real.nix", "alias.nix": "./other.nix" },
  });
  assert.equal(name, "by links");
});

for (
  const [what, module, says] of [
    [
      "an option that nixbox does not have",
      "{ nixbox.disk = 1; }",
      /The option `nixbox\.disk' does not exist/,
    ],
    [
      "a value of the wrong type",
      "{ lib, ... }: { nixbox.diskGB = lib.mkForce 0; }",
      /nixbox\.diskGB' is not of type/,
    ],
    ["an import of a file that is missing", "{ imports = [ ./gone.nix ]; }", /gone\.nix/],
  ] as const
) {
  Deno.test(`${what} in a module is Nix's error`, async () => {
    await assert.rejects(
      evaluate("c: c.nixbox.diskGB", { files: { "module.nix": module } }),
      (error) => error instanceof CommandError && says.test(error.stderr),
    );
  });
}
