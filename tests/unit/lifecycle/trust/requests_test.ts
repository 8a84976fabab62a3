import assert from "node:assert/strict";
import { checkConfig } from "../../../../lib/config/schema.ts";
import { requestsOf } from "../../../../lib/lifecycle/trust/requests.ts";
import { sampleWith } from "../../config/sample.ts";

const project = {
  directory: "/home/ada/my project",
  configDirectory: "/home/ada/my project/.nixbox",
};

const locked = (fields: Record<string, string>) =>
  JSON.stringify({ nodes: { nixpkgs: { locked: fields }, root: {} }, root: "root" });
const own = locked({
  type: "github",
  owner: "NixOS",
  repo: "nixpkgs",
  rev: "1",
  narHash: "sha256-a",
});

function requests(
  changes: Record<string, unknown>,
  more: { lock?: string; keys?: readonly string[]; plugins?: readonly string[]; real?: string } =
    {},
): readonly string[] {
  const config = checkConfig(sampleWith({ "network.mode": "off", ...changes }), "config.nix");
  return requestsOf({
    config,
    project,
    mounts: config.mounts,
    realPath: (path) => more.real ?? path,
    own: "/nixbox",
    pluginsWithCommands: more.plugins ?? [],
    locks: { project: more.lock, own },
    foreignKeys: more.keys ?? [],
  }).map(({ kind, detail }) => `${kind}: ${detail}`);
}

Deno.test("a config of defaults asks for its own directory and, in mode open, the network", () => {
  assert.deepEqual(requests({}), []);
  assert.deepEqual(requests({ "network.mode": "open" }), [
    "reaches: every public address (network open)",
  ]);
  assert.deepEqual(
    requests({ "network.mode": "filtered", "network.domains": ["a.org", "b.org"] }),
    [
      "reaches: a.org, b.org on ports 80, 443",
    ],
  );
  assert.deepEqual(requests({ "network.mode": "filtered", "network.inspect": false }), [
    "reaches: nixos.org on ports 80, 443, and what stands behind their addresses",
  ]);
});

const rows: readonly (readonly [Record<string, unknown>, readonly string[]])[] = [
  [{ "hooks.pre-up": ["./a b"], "hooks.post-down": ["c"] }, [
    "runs on this host: pre-up hook: ./a b",
    "runs on this host: post-down hook: c",
  ]],
  [{ "env.T": { command: ["pass", "show me"] } }, ["runs on this host: to get T: pass 'show me'"]],
  [{ "env.T": { file: "/k" }, "env.U": { fromEnv: "GH_TOKEN" }, "env.V": "plain" }, [
    "takes secrets from: /k, as T",
    "takes secrets from: your variable GH_TOKEN, as U",
  ]],
  [{ "nix.modules": ["/m.nix", "/nixbox/nix/plugins/docker/guest.nix"] }, [
    "builds on this host: NixOS module /m.nix",
  ]],
  [{
    scripts: [
      { path: "/home/ada/.ssh/id" },
      { path: "/home/ada/my project/setup.sh" },
      { path: "/nixbox/nix/plugins/x.sh" },
    ],
  }, ["gives to the guest: /home/ada/.ssh/id"]],
  [{
    mounts: [
      { source: "/home/ada", target: "/a" },
      { source: "/etc", target: "/b", readonly: true },
      { source: "/var", target: "/c", overlay: true },
      { source: "/home/ada/my project/sub", target: "/d" },
      { source: "/home/ada/my project2", target: "/e" },
      { source: "/home/ada/.aws", target: "/f", overlay: true, optional: true },
      { source: "/home/ada/.claude", target: "/g", readonly: true, only: ["agents", "hooks"] },
    ],
  }, [
    "shares: /home/ada at /a (writable)",
    "shares: /etc at /b (read-only)",
    "shares: /var at /c (overlay)",
    "shares: /home/ada/my project2 at /e (writable)",
    "shares: /home/ada/.aws at /f (overlay, if it is there)",
    "shares: of /home/ada/.claude agents, hooks at /g (read-only)",
  ]],
  [{
    "network.allowHost": [5432],
    "network.allowPrivate": ["192.168.0.0/16"],
    "network.dns": ["6.6.6.6"],
  }, [
    "opens: this host's TCP port 5432",
    "opens: the private addresses 192.168.0.0/16",
    "opens: names are asked of 6.6.6.6",
  ]],
];

for (const [changes, expected] of rows) {
  Deno.test(`asked for: ${Object.keys(changes).join(", ")}`, () => {
    assert.deepEqual(requests(changes), expected);
  });
}

Deno.test("a share is told by where it really is, plugins' commands and keys by their files", () => {
  assert.deepEqual(requests({}, { real: "/root" }), ["shares: /root at ~/workspace (writable)"]);
  assert.deepEqual(requests({}, { plugins: ["/p"], keys: ["/k"] }), [
    "runs on this host: when you call them, the commands of /p",
    "brings its own keys: /k: who made it can log in",
  ]);
});

const locks: readonly (readonly [string, string | undefined, readonly string[]])[] = [
  ["no lock", undefined, []],
  ["nixbox's own", own, []],
  ["another revision", locked({ type: "github", owner: "NixOS", repo: "nixpkgs", rev: "2" }), [
    "nixpkgs: github:NixOS/nixpkgs 2",
  ]],
  [
    "the same revision of somebody else's",
    locked({ type: "github", owner: "evil", repo: "nixpkgs", rev: "1", narHash: "sha256-a" }),
    ["nixpkgs: github:evil/nixpkgs 1"],
  ],
  [
    "the same revision with another hash",
    locked({ type: "github", owner: "NixOS", repo: "nixpkgs", rev: "1", narHash: "sha256-b" }),
    ["nixpkgs: github:NixOS/nixpkgs 1"],
  ],
  ["an archive", locked({ type: "tarball", url: "http://evil.test/x" }), [
    "nixpkgs: tarball:http://evil.test/x (not pinned)",
  ]],
  ["a directory", locked({ type: "path", path: "/tmp/x", narHash: "sha256-c" }), [
    "nixpkgs: path:/tmp/x sha256-c",
  ]],
  ["no JSON", "{", ["a flake.lock that cannot be read"]],
  [
    "a node with a special name",
    '{"nodes":{"__proto__":{"locked":{"type":"tarball","url":"http://evil.test/x"}}}}',
    ["__proto__: tarball:http://evil.test/x (not pinned)"],
  ],
];

for (const [what, lock, expected] of locks) {
  Deno.test(`inputs that are asked for: ${what}`, () => {
    const told = requests({}, lock === undefined ? {} : { lock });
    assert.deepEqual(told, expected.map((line) => `takes other inputs: ${line}`));
  });
}
