import assert from "node:assert/strict";
import { runAsRoot } from "../../../lib/host/root/as_root.ts";
import { testOnLinux } from "../support/systems.ts";

/** Another program in between, as sudo is; keeps what it was given. */
function between() {
  const seen: (readonly string[])[] = [];
  const asRoot = (argv: readonly string[]) => {
    seen.push(argv);
    return ["env", ...argv];
  };
  return { seen, host: { privilege: { asRoot } } };
}

const direct = { privilege: { asRoot: (argv: readonly string[]) => argv } };

testOnLinux("what runs as root is ended when its time is over, by root's own timeout", async () => {
  const limit = { timeoutMs: 200 };
  for (const host of [direct, between().host]) {
    await assert.rejects(
      runAsRoot(host, ["sleep", "60"], undefined, limit),
      /sleep 60: no end after 0\.2 s/,
    );
    const any = { ...limit, accept: "any" } as const;
    await assert.rejects(runAsRoot(host, ["sleep", "60"], undefined, any), /no end after/);
  }
});

testOnLinux("one that does not end by SIGTERM is killed", async () => {
  const deaf = ["sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"];
  for (const host of [direct, between().host]) {
    await assert.rejects(runAsRoot(host, deaf, undefined, { timeoutMs: 200 }), /no end after/);
  }
});

testOnLinux("a minute is the limit where no other is said", async () => {
  const { host, seen } = between();
  await runAsRoot(host, ["true"]);
  assert.match(seen.at(-1)?.join(" ") ?? "", /^\S*\/timeout -k 2 60 \S*\/true$/);
});

testOnLinux("input, output and exit codes are the program's own", async () => {
  const { host } = between();
  assert.equal((await runAsRoot(host, ["cat"], "a b\n")).stdout, "a b\n");
  const three = ["sh", "-c", "echo no >&2; exit 3"];
  assert.equal((await runAsRoot(host, three, undefined, { accept: [3] })).code, 3);
  await assert.rejects(runAsRoot(host, three), /exit 3/);
});
