import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { evaluate } from "./support/evaluate.ts";

/** What an expression over a guest's configuration gives when a module sets something. */
function withModule(module: string, apply: string): Promise<unknown> {
  return evaluate(apply, { files: { "module.nix": `{ lib, pkgs, ... }: { ${module} }` } });
}

/** Of each option of nixbox's guest: what is so by default, and what a module's value changes. */
const effects: readonly {
  readonly option: string;
  readonly apply: string;
  readonly byDefault: unknown;
  readonly set: string;
  readonly after: unknown;
}[] = [
  {
    option: "hostName",
    apply: "c: c.networking.hostName",
    byDefault: "my-project",
    set: 'nixbox.hostName = lib.mkForce "other";',
    after: "other",
  },
  {
    option: "stateVersion",
    apply: "c: c.system.stateVersion",
    byDefault: "26.05",
    set: 'nixbox.stateVersion = "25.11";',
    after: "25.11",
  },
  {
    option: "packages",
    apply: 'c: builtins.elem "hello" (map (p: p.name) c.environment.systemPackages)',
    byDefault: false,
    set: "nixbox.packages = [ pkgs.hello ];",
    after: true,
  },
  {
    option: "basePackages",
    apply: "c: map (p: p.name) c.environment.systemPackages",
    byDefault: [
      ...[
        "curl",
        "fd",
        "file",
        "git",
        "gnumake",
        "gnupatch",
        "gnutar",
        "jq",
        "less",
        "lsof",
        "procps",
      ],
      ...["psmisc", "ripgrep", "rsync", "tree", "unzip", "vim", "wget", "xz", "zip", "sshfs-fuse"],
    ],
    set: "nixbox.basePackages = lib.mkForce [ pkgs.git ];",
    after: ["git", "sshfs-fuse"],
  },
  {
    option: "nixLd.enable",
    apply: "c: c.programs.nix-ld.enable or false",
    byDefault: true,
    set: "nixbox.nixLd.enable = false;",
    after: null,
  },
  {
    option: "nixLd.libraries",
    apply: "c: map (p: p.name) c.programs.nix-ld.libraries",
    byDefault: [],
    set: "nixbox.nixLd.libraries = [ pkgs.hello ];",
    after: ["hello"],
  },
  {
    option: "user",
    apply: "c: builtins.attrNames c.users.users",
    byDefault: ["ada"],
    set: 'nixbox.user = lib.mkForce "eve";',
    after: ["eve"],
  },
  {
    option: "sudo",
    apply:
      "c: { groups = c.users.users.ada.extraGroups; asks = c.security.sudo.wheelNeedsPassword; }",
    byDefault: { groups: ["wheel"], asks: false },
    set: "nixbox.sudo = false;",
    after: { groups: null, asks: null },
  },
  {
    option: "ssh.vsockPort",
    apply: "c: c.systemd.sockets.nixbox-ssh-vsock.listenStreams",
    byDefault: ["vsock::2222"],
    set: "nixbox.ssh.vsockPort = 22;",
    after: ["vsock::22"],
  },
  {
    option: "ssh.vsockPort = null",
    apply: "c: c.systemd.sockets.nixbox-ssh-vsock.listenStreams",
    byDefault: ["vsock::2222"],
    set: "nixbox.ssh.vsockPort = null;",
    after: null,
  },
  {
    option: "sshfs.enable",
    apply: 'c: builtins.elem "fuse" c.boot.kernelModules',
    byDefault: true,
    set: "nixbox.sshfs.enable = false;",
    after: false,
  },
  {
    option: "rosetta",
    apply: "c: c.virtualisation.rosetta or null",
    byDefault: { enable: null, mountTag: null },
    set: "nixbox.rosetta = lib.mkForce true;",
    after: { enable: true, mountTag: "rosetta" },
  },
  {
    option: "docker.enable",
    apply:
      "c: { inherit (c.virtualisation.docker) enable enableOnBoot; groups = c.users.users.ada.extraGroups; }",
    byDefault: { enable: null, enableOnBoot: null, groups: ["wheel"] },
    set: "nixbox.docker.enable = true;",
    after: { enable: true, enableOnBoot: false, groups: ["docker", "wheel"] },
  },
  {
    option: "compat.enable",
    apply:
      "c: { rules = builtins.length c.systemd.tmpfiles.rules; limits = c.security.pam.loginLimits; }",
    byDefault: {
      rules: 2,
      limits: [{ domain: "*", type: "-", item: "nofile", value: "524288" }],
    },
    set: "nixbox.compat.enable = false; systemd.tmpfiles.rules = [ ];",
    after: { rules: 0, limits: null },
  },
  {
    option: "comfort.enable",
    apply:
      "c: { rules = builtins.length c.systemd.tmpfiles.rules; limits = c.security.pam.loginLimits; }",
    byDefault: {
      rules: 2,
      limits: [{ domain: "*", type: "-", item: "nofile", value: "524288" }],
    },
    set: "nixbox.comfort.enable = false; systemd.tmpfiles.rules = [ ];",
    after: { rules: 0, limits: null },
  },
  {
    option: "fastBoot.enable",
    apply:
      "c: { lvm = c.services.lvm.enable; timeout = c.systemd.settings.Manager.DefaultTimeoutStopSec; }",
    byDefault: { lvm: false, timeout: "5s" },
    set: "nixbox.fastBoot.enable = false;",
    after: { lvm: null, timeout: null },
  },
  {
    option: "fastBoot's lines one by one",
    apply: "c: { time = c.services.timesyncd.enable; lvm = c.services.lvm.enable; }",
    byDefault: { time: false, lvm: false },
    set: "services.timesyncd.enable = true;",
    after: { time: true, lvm: false },
  },
  {
    option: "hypervisor",
    apply: "c: { inherit (c.microvm) hypervisor balloon; }",
    byDefault: { hypervisor: "qemu", balloon: null },
    set: 'nixbox.hypervisor = lib.mkForce "cloud-hypervisor";',
    after: { hypervisor: "cloud-hypervisor", balloon: true },
  },
  {
    option: "diskGB",
    apply: "c: map (v: v.size) c.microvm.volumes",
    byDefault: [20 * 1024],
    set: "nixbox.diskGB = lib.mkForce 3;",
    after: [3 * 1024],
  },
];

for (const { option, apply, byDefault, set, after } of effects) {
  Deno.test(`nixbox.${option} does what it says`, async () => {
    assert.deepEqual(await evaluate(apply), byDefault);
    assert.deepEqual(await withModule(set, apply), after);
  });
}

Deno.test("every option of the guest has a type, a default and a description", async () => {
  const root = new URL("../../nix/guest/", import.meta.url);
  for await (const { name } of Deno.readDir(root)) {
    if (!name.endsWith(".nix")) continue;
    const text = await Deno.readTextFile(new URL(name, root));
    const declarations = text.split(/mkOption \{/).slice(1);
    for (const declaration of declarations) {
      const body = declaration.slice(0, declaration.indexOf("\n    }") + 1) || declaration;
      for (const part of ["type =", "default =", "description ="]) {
        assert.ok(declaration.includes(part), `${name}: ${part} is missing in ${body}`);
      }
    }
  }
});

Deno.test("the docker plugin turns Docker on, and Claude Code's allows that one package", async () => {
  const plugin = (name: string) =>
    new URL(`../../nix/plugins/${name}/guest.nix`, import.meta.url).pathname;
  const docker = await evaluate("c: c.virtualisation.docker.enable", {
    files: {
      "module.nix": `{ imports = [ ./docker.nix ]; }`,
      "docker.nix": await Deno.readTextFile(plugin("docker")),
    },
  });
  assert.equal(docker, true);
  const claude = await evaluate("c: map (p: p.outPath) c.nixbox.packages", {
    files: { "module.nix": await Deno.readTextFile(plugin("claude-code")) },
    config: { "nix.packages": ["claude-code"] },
  });
  assert.match(JSON.stringify(claude), /claude-code/);
});

Deno.test("ssh over vsock waits for the keys, and serves one connection a process", async () => {
  const units = await evaluate(`c: {
    accept = c.systemd.sockets.nixbox-ssh-vsock.socketConfig.Accept;
    inherit (c.systemd.services."nixbox-ssh-vsock@") after requires serviceConfig;
  }`);
  assert.ok(typeof units === "object" && units !== null);
  assert.equal(Reflect.get(units, "accept"), true);
  assert.deepEqual(Reflect.get(units, "after"), ["nixbox-provision.service"]);
  assert.deepEqual(Reflect.get(units, "requires"), ["nixbox-provision.service"]);
  const { ExecStart, StandardInput } = Reflect.get(units, "serviceConfig");
  assert.match(ExecStart, /^-\/nix\/store\/.*\/bin\/sshd -i -f \/etc\/ssh\/sshd_config$/);
  assert.equal(StandardInput, "socket");
});

Deno.test("the card asks for DHCP by its MAC, and no other name server is asked", async () => {
  const network = await evaluate(`c: {
    card = c.systemd.network.networks."10-nixbox";
    resolve = c.environment.etc."systemd/resolved.conf.d/nixbox.conf".text;
    inherit (c.networking) useDHCP useNetworkd;
  }`);
  assert.ok(typeof network === "object" && network !== null);
  assert.equal(Reflect.get(network, "card").dhcpV4Config.ClientIdentifier, "mac");
  assert.equal(Reflect.get(network, "card").networkConfig.DHCP, "ipv4");
  assert.match(Reflect.get(network, "resolve"), /^FallbackDNS=$/m);
  assert.equal(Reflect.get(network, "useDHCP"), false);
});

Deno.test("the proxy's port leads to the host, only where provisioning names one", async () => {
  const unit = await evaluate(`c: {
    inherit (c.systemd.services.nixbox-proxy) after requires unitConfig serviceConfig;
    nix = c.systemd.services.nix-daemon.serviceConfig.EnvironmentFile;
    ssh = c.programs.ssh.extraConfig;
  }`);
  assert.ok(typeof unit === "object" && unit !== null);
  assert.match(
    Reflect.get(Reflect.get(unit, "serviceConfig"), "ExecStart"),
    /^\S+\/bin\/socat -t 600 TCP-LISTEN:\$\{NIXBOX_PROXY_PORT\},fork,reuseaddr VSOCK-CONNECT:2:\$\{NIXBOX_PROXY_PORT\}$/,
  );
  assert.deepEqual(Reflect.get(unit, "unitConfig"), {
    ConditionPathExists: "/run/nixbox/proxy.env",
  });
  assert.deepEqual(Reflect.get(unit, "requires"), ["nixbox-provision.service"]);
  assert.equal(Reflect.get(unit, "nix"), "-/run/nixbox/proxy.env");
  assert.match(
    Reflect.get(unit, "ssh"),
    /^Match !host localhost,127\.0\.0\.1 exec "test -e \/run\/nixbox\/proxy\.env"\n {2}ProxyCommand \S+\/bin\/socat - PROXY:127\.0\.0\.1:%h:%p,proxyport=3128$/m,
  );
});

Deno.test("Docker and its containers go by the proxy, where there is one", async () => {
  const docker = await evaluate(
    "c: { file = c.systemd.services.docker.serviceConfig.EnvironmentFile; inherit (c.systemd.services.nixbox-docker-proxy) script unitConfig; }",
    { files: { "module.nix": "{ nixbox.docker.enable = true; }" } },
  );
  assert.ok(typeof docker === "object" && docker !== null);
  assert.equal(Reflect.get(docker, "file"), "-/run/nixbox/proxy.env");
  const home = await Deno.makeTempDir();
  const env = { HOME: home, NIXBOX_PROXY_PORT: "3128", NO_PROXY: "localhost" };
  const script = `set -e\n${Reflect.get(docker, "script")}`;
  for (let time = 0; time < 2; time++) await run(["bash", "-c", script], { env });
  const text = await Deno.readTextFile(`${home}/.docker/config.json`);
  const address = "http://172.30.0.1:3128";
  assert.deepEqual(JSON.parse(text), {
    proxies: { default: { httpProxy: address, httpsProxy: address, noProxy: "localhost" } },
  });
});
