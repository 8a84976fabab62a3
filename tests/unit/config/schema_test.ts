import { deepStrictEqual as assertEquals, match, ok } from "node:assert/strict";
import { checkConfig } from "../../../lib/config/schema.ts";
import { NixboxError } from "../../../lib/base/error.ts";
import { sampleConfig, sampleWith } from "./sample.ts";

/** All lines of the error that a config causes; fails the test if it causes none. */
function problemsOf(resolved: unknown): string[] {
  try {
    checkConfig(resolved, "/p/.nixbox/config.nix");
  } catch (error) {
    ok(error instanceof NixboxError, String(error));
    assertEquals(error.where, "/p/.nixbox/config.nix");
    return [error.message, ...error.log];
  }
  throw new Error("the config was accepted");
}

Deno.test("a config of defaults is accepted, and mounts are writable unless they say otherwise", () => {
  const config = checkConfig(sampleConfig(), "c.nix");
  assertEquals(config.mounts, [
    { source: "/home/ada/my project", target: "~/workspace", readonly: false, overlay: false },
  ]);
  assertEquals(config.user, "ada");
});

const refused: readonly [what: string, changes: Record<string, unknown>, problem: string][] = [
  ["an unknown key", { netwrk: {} }, "netwrk: there is no such key; did you mean network?"],
  [
    "an unknown key within a set",
    { "network.domain": [] },
    "network.domain: there is no such key; did you mean domains?",
  ],
  [
    "an unknown key within a mount",
    { mounts: [{ source: "/a", target: "/b", readOnly: true }] },
    "mounts[0].readOnly: there is no such key; did you mean readonly?",
  ],
  ["an unknown key like no other", { zzzzzzzz: 1 }, "zzzzzzzz: there is no such key"],
  [
    "a string for a number",
    { "resources.vcpus": "4" },
    'resources.vcpus is "4": must be a whole number',
  ],
  ["half a vCPU", { "resources.vcpus": 1.5 }, "resources.vcpus is 1.5: must be a whole number"],
  ["no vCPU", { "resources.vcpus": 0 }, "resources.vcpus is 0: must be from 1 to 256"],
  ["257 vCPUs", { "resources.vcpus": 257 }, "resources.vcpus is 257: must be from 1 to 256"],
  [
    "too little memory",
    { "resources.memoryMB": 64 },
    "resources.memoryMB is 64: must be from 256 to 1048576",
  ],
  [
    "an unknown mode",
    { "network.mode": "closed" },
    'network.mode is "closed": must be one of open, filtered, off',
  ],
  [
    "an unknown hypervisor",
    { hypervisor: "xen" },
    'hypervisor is "xen": must be one of auto, cloud-hypervisor, qemu, vfkit',
  ],
  ["a list for a set", { network: [] }, "network is []: must be a set"],
  [
    "a string for a list",
    { "network.domains": "a.org" },
    'network.domains is "a.org": must be a list',
  ],
  ["a missing value", { name: null }, "name is null: must be a string"],
  ["port 0", { "network.ports": [80, 0] }, "network.ports[1] is 0: must be from 1 to 65535"],
  [
    "port 65536",
    { "network.ports": [65536] },
    "network.ports[0] is 65536: must be from 1 to 65535",
  ],
  [
    "port 70000 of the host",
    { "network.allowHost": [70000] },
    "network.allowHost[0] is 70000: must be from 1 to 65535",
  ],
  [
    "a range with host bits",
    { "network.allowPrivate": ["10.1.2.0/16"] },
    'network.allowPrivate[0] is "10.1.2.0/16": has host bits: write 10.1.0.0/16, or the one address with /32',
  ],
  [
    "inspection that is not a switch",
    { "network.inspect": "yes" },
    'network.inspect is "yes": must be true or false',
  ],
  [
    "an IPv6 resolver",
    { "network.dns": ["::1"] },
    'network.dns[0] is "::1": must be an IPv4 address',
  ],
  [
    "a resolver out of range",
    { "network.dns": ["1.2.3.256"] },
    'network.dns[0] is "1.2.3.256": must be an IPv4 address',
  ],
  [
    "a package that is Nix code",
    { "nix.packages": ["git; rm"] },
    'nix.packages[0] is "git; rm": must be a package\'s name in nixpkgs, such as nodejs or python3Packages.numpy',
  ],
  [
    "root as the guest's user",
    { user: "root" },
    'user is "root": must be a login name that a NixOS guest leaves free: a-z, 0-9, _ and -',
  ],
];

for (const [what, changes, problem] of refused) {
  Deno.test(`${what} is refused by key, value and rule`, () => {
    assertEquals(problemsOf(sampleWith(changes)), [problem]);
  });
}

Deno.test("all problems are told at once, each domain by its place", () => {
  const problems = problemsOf(sampleWith({
    "network.domains": ["nixos.org", "https://github.com", "ok.org", "1.2.3.4"],
    "network.ports": [0],
    name: "No Name",
    extra: true,
  }));
  assertEquals(problems.map((line) => line.split(/ is |:/)[0]).sort(), [
    "extra",
    "name",
    "network.domains[1]",
    "network.domains[3]",
    "network.ports[0]",
  ]);
});

for (const name of ["a", "my-project", "x1", "a".repeat(63), "0"]) {
  Deno.test(`${name.slice(0, 12)} (${name.length}) is a host name`, () => {
    assertEquals(checkConfig(sampleWith({ name }), "c").name, name);
  });
}

for (
  const name of ["", "-a", "a-", "A", "a_b", "a.b", "a b", "a".repeat(64), "a\n", "ä", "$(id)"]
) {
  Deno.test(`${JSON.stringify(name).slice(0, 12)} (${name.length}) is not a host name`, () => {
    const [problem = "", ...others] = problemsOf(sampleWith({ name }));
    match(problem, /^name is .*: must be a host name/);
    assertEquals(others, []);
  });
}

for (const target of ["/work", "/a/b c", "~/workspace", "~/.config", "/a/..b"]) {
  Deno.test(`a share can be mounted at ${target}`, () => {
    const mounts = [{ source: "/a", target, readonly: true, overlay: false }];
    assertEquals(checkConfig(sampleWith({ mounts }), "c").mounts, mounts);
  });
}

for (
  const [target, rule] of [
    ["work", "must be absolute, or begin with ~/"],
    ["./work", "must be absolute, or begin with ~/"],
    ["", "must be absolute, or begin with ~/"],
    ["/", "must be absolute, or begin with ~/"],
    ["~", "must be absolute, or begin with ~/"],
    ["~ada/x", "must be absolute, or begin with ~/"],
    ["/a/../etc", "must not have . or .. in it"],
    ["~/..", "must not have . or .. in it"],
    ["/a\tb", "must not have control characters"],
    ["/a\nb", "must not have control characters"],
    ["/a\0b", "must not have control characters"],
  ] as const
) {
  Deno.test(`a share cannot be mounted at ${JSON.stringify(target)}`, () => {
    const mounts = [{ source: "/a", target }];
    const problem = `mounts[0].target is ${JSON.stringify(target)}: ${rule}`;
    ok(problemsOf(sampleWith({ mounts })).includes(problem));
  });
}

for (const key of ["protect", "only"]) {
  for (const name of ["", "/a", "a/", "../a", "a/../b", "./a", "a\nb"]) {
    Deno.test(`mounts.*.${key} takes names below the directory, not ${JSON.stringify(name)}`, () => {
      const mounts = [{ source: "/a", target: "/b", readonly: true, [key]: [name] }];
      ok(
        problemsOf(sampleWith({ mounts })).some((problem) =>
          problem.startsWith(`mounts[0].${key}`)
        ),
      );
    });
  }
}

Deno.test("mounts.*.only is for what the guest cannot change on the host", () => {
  const mount = { source: "/a", target: "/b", only: ["x", "y/z"] };
  ok(
    problemsOf(sampleWith({ mounts: [mount] })).some((problem) =>
      /^mounts\[0\]\.only is .*: needs readonly = true or overlay = true/.test(problem)
    ),
  );
  checkConfig(sampleWith({ mounts: [{ ...mount, overlay: true }] }), "c");
});

Deno.test("two mounts on one target are refused, whatever the slashes at its end", () => {
  const mounts = [{ source: "/a", target: "/x" }, { source: "/b", target: "/x/" }];
  assertEquals(problemsOf(sampleWith({ mounts })), [
    'mounts[1].target is "/x/": must not be the target of two mounts',
  ]);
});

Deno.test("domains come out in one form, each once", () => {
  const domains = ["GitHub.com", "github.com", "*.Example.ORG", "bücher.example", "a.org."];
  const config = checkConfig(sampleWith({ "network.domains": domains }), "c");
  assertEquals(config.network.domains, [
    "github.com",
    "*.example.org",
    "xn--bcher-kva.example",
    "a.org",
  ]);
});

Deno.test("a variable may name where its value comes from", () => {
  const env = {
    A: { command: ["pass", "show", "a b"] },
    B: { file: "/home/ada/.token" },
    C: { fromEnv: "TOKEN" },
  };
  assertEquals(checkConfig(sampleWith({ env }), "c").env, env);
  for (
    const source of [{ command: [] }, { command: "ls" }, { file: "relative" }, { fromEnv: "A-B" }, {
      file: "/a",
      fromEnv: "B",
    }, {}]
  ) {
    match(problemsOf(sampleWith({ env: { A: source } }))[0] ?? "", /^env\.A(\.\w+)?: /);
  }
});

Deno.test("values of env survive whatever is in them", () => {
  const env = { A: "line\nline", B: 'it\'s $HOME `id` "q"', C: "", D: "ü\t" };
  assertEquals(checkConfig(sampleWith({ env }), "c").env, env);
});

for (
  const name of [
    "PATH",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "BASH_ENV",
    "ENV",
    "IFS",
    "PROMPT_COMMAND",
    "HOME",
    "BASH_FUNC_x%%",
  ]
) {
  Deno.test(`env must not set ${name}`, () => {
    const [problem = "", ...others] = problemsOf(sampleWith({ env: { [name]: "x" } }));
    match(problem, new RegExp(`^env\\.${name}: must `));
    assertEquals(others, []);
  });
}

for (const name of ["1A", "A-B", "A B", "A=B", "", "Ä"]) {
  Deno.test(`${JSON.stringify(name)} is not a variable's name`, () => {
    match(problemsOf(sampleWith({ env: { [name]: "x" } }))[0] ?? "", /must be a variable's name/);
  });
}

Deno.test("a secret of the wrong type, or with a NUL, is named and not shown", () => {
  const [number = ""] = problemsOf(sampleWith({ env: { PIN: 987654 } }));
  match(number, /^env\.PIN: must be a string, \{ command = /);
  const long = problemsOf(sampleWith({ env: { LONG: "x".repeat(131_072) } }));
  match(long[0] ?? "", /^env\.LONG: must have at most 131072 bytes/);
  assertEquals(long[0]?.includes("xxx"), false);
  assertEquals(problemsOf(sampleWith({ env: "s3cret" })), ["env: must be a set"]);
  const [problem = ""] = problemsOf(sampleWith({ env: { TOKEN: "s3cret\0" } }));
  assertEquals(problem, "env.TOKEN: must not have a NUL byte in its value");
});
