/** The runtime module for macOS on what its programs print; no Mac was at hand, so by their manuals. */
import assert from "node:assert/strict";
import { freeKilobytes } from "../../../lib/host/common.ts";
import { type DarwinSystem, detectDarwin } from "../../../lib/host/darwin.ts";
import type { Host } from "../../../lib/host/host.ts";

/** A Mac that answers these command lines, and says "no such thing" to all others. */
function macWith(
  answers: Readonly<Record<string, string>>,
  more: Partial<DarwinSystem> = {},
): Host {
  return detectDarwin({
    arch: "aarch64",
    env: (name) => ({ USER: "ann", HOME: "/Users/ann" })[name],
    ask: (argv) => {
      const stdout = answers[argv.join(" ")];
      return Promise.resolve({
        code: stdout === undefined ? 1 : 0,
        stdout: stdout ?? "",
        stderr: "",
      });
    },
    readFile: () => Promise.resolve(undefined),
    ...more,
  });
}

Deno.test("a Mac is what its module says, without asking anything", () => {
  const { os, guestLink, nixSystem, user, paths } = macWith({});
  assert.deepEqual({ os, guestLink, nixSystem }, {
    os: "darwin",
    guestLink: "vsock",
    nixSystem: "aarch64-darwin",
  });
  assert.equal(user.name, "ann");
  assert.equal(paths.state, "/Users/ann/.local/state/nixbox");
  // Not in /tmp, which macOS sweeps, nor in $TMPDIR, which is half of what a socket's path may have.
  assert.equal(paths.runtime, "/Users/ann/.local/state/nixbox/run");
  assert.equal(paths.secrets, paths.runtime);
});

Deno.test("an Intel Mac, or a Deno for one, is told what it lacks", () => {
  assert.throws(() => macWith({}, { arch: "x86_64" }), {
    message: "nixbox on macOS needs Apple silicon",
    hint: /Deno for aarch64/,
  });
});

const accelerations: readonly (readonly [
  what: string,
  answers: Readonly<Record<string, string>>,
  usable: boolean,
  reason: RegExp,
])[] = [
  ["a Mac", { "sysctl -n kern.hv_support": "1\n" }, true, /Virtualization/],
  [
    "a Mac that is a guest",
    { "sysctl -n kern.hv_support": "0\n", "sysctl -n kern.hv_vmm_present": "1\n" },
    false,
    /a virtual machine itself/,
  ],
  ["a Mac without it", { "sysctl -n kern.hv_support": "0\n" }, false, /kern\.hv_support/],
  ["no sysctl", {}, false, /kern\.hv_support/],
];

for (const [what, answers, usable, reason] of accelerations) {
  Deno.test(`virtualization: ${what}`, async () => {
    const found = await macWith(answers).acceleration();
    assert.equal(found.usable, usable);
    assert.match(found.reason, reason);
  });
}

const started = "Mon Nov 23 10:01:02 2026";
const identify = "/usr/bin/env LC_ALL=C TZ=UTC0 ps -o stat= -o lstart= -p 42";
const identities: readonly (readonly [string, string | undefined, string | undefined])[] = [
  ["one that runs", `Ss   ${started}    \n`, started],
  ["a day of one digit", "S+   Mon Nov  3 10:01:02 2026\n", "Mon Nov 3 10:01:02 2026"],
  ["a zombie", `Z    ${started}\n`, undefined],
  ["none", undefined, undefined],
];

for (const [what, stdout, startTime] of identities) {
  Deno.test(`processes: ${what}`, async () => {
    const mac = macWith(stdout === undefined ? {} : { [identify]: stdout });
    const wanted = startTime === undefined ? undefined : { pid: 42, startTime };
    assert.deepEqual(await mac.processes.identify(42), wanted);
  });
}

Deno.test("a ps that fails says nothing of a process, least of all that it is gone", async () => {
  const failures = [
    { code: 1, stdout: "", stderr: "ps: fork: Resource temporarily unavailable\n" },
    { code: 137, stdout: "", stderr: "" },
    { code: 0, stdout: "", stderr: "" },
    { code: 0, stdout: "Ss\n", stderr: "" },
  ];
  for (const answer of failures) {
    const mac = macWith({}, { ask: () => Promise.resolve(answer) });
    await assert.rejects(mac.processes.identify(42), /ps does not tell whether process 42 runs/);
  }
});

Deno.test("processes are found by a whole variable of their environment, and by their owner", async () => {
  const { processes } = macWith({
    "ps -axwwE -o pid= -o command=": "    1 /sbin/launchd\n" +
      "  812 vfkit --cpus 2 HOME=/Users/ann NIXBOX_OWNER=0123456789ab\n" +
      "  813 vfkit --cpus 2 NIXBOX_OWNER=0123456789abc TERM=xterm\n",
    "ps -ax -o pid= -o uid=": "    1     0\n  812   501\n  813   501\n",
    "ps -ww -o command= -p 812": "vfkit --cpus 2\n",
    "ps -o rss= -p 812": " 204800\n",
  });
  assert.deepEqual(await processes.withEnvironment("NIXBOX_OWNER", "0123456789ab"), [812]);
  assert.deepEqual(await processes.ownedBy(501), [812, 813]);
  assert.deepEqual(await processes.commandLine(812), ["vfkit", "--cpus", "2"]);
  assert.equal(await processes.commandLine(9), undefined);
  assert.equal(await processes.residentMB(812), 200);
  assert.equal(await processes.residentMB(9), 0);
});

Deno.test("the address comes from the lease, and from the neighbours where there is none", async () => {
  const ends = (Math.floor(Date.now() / 1000) + 3600).toString(16);
  const leases = `{\n\tip_address=192.168.64.3\n\thw_address=1,2:0:0:0:0:1\n\tlease=0x${ends}\n}\n`;
  const arp = { "arp -an": "? (192.168.64.8) at 2:0:0:0:0:1 on bridge100 ifscope [bridge]\n" };
  const mac = "02:00:00:00:00:01";
  const read: string[] = [];
  const readFile = (path: string) => {
    read.push(path);
    return Promise.resolve<string | undefined>(leases);
  };
  assert.equal(await macWith(arp, { readFile }).addressOf(mac), "192.168.64.3");
  assert.deepEqual(read, ["/var/db/dhcpd_leases"]);
  assert.equal(await macWith(arp).addressOf(mac), "192.168.64.8");
  assert.equal(await macWith({}).addressOf(mac), undefined);
  const unreadable = () => Promise.reject(new Deno.errors.PermissionDenied("leases"));
  assert.equal(await macWith(arp, { readFile: unreadable }).addressOf(mac), "192.168.64.8");
});

Deno.test("version and file limit are the system's own words", async () => {
  const mac = macWith({
    "sw_vers -productVersion": "15.6.1\n",
    "sysctl -n kern.maxfilesperproc": "245760\n",
  });
  assert.equal(await mac.version(), "macOS 15.6.1");
  assert.equal(await macWith({}).version(), "macOS (unknown)");
  assert.deepEqual(await mac.openFiles(), { limit: 245_760, raise: [] });
  assert.deepEqual(await macWith({}).openFiles(), { limit: 10_240, raise: [] });
});

const heading = "Filesystem   1024-blocks      Used Available Capacity  Mounted on\n";
const spaces: readonly (readonly [what: string, text: string, kilobytes: number | undefined])[] = [
  [
    "macOS",
    `${heading}/dev/disk3s5   971350180 512000 458838180    53%    /System/Volumes/Data\n`,
    458_838_180,
  ],
  [
    "macOS, a name with a blank",
    `${heading}map auto_home   0   0   0   100%    /System/Volumes/Data/home\n`,
    0,
  ],
  ["a place with blanks", `${heading}/dev/disk5s1 100 60 40 60% /Volumes/My 50% Disk\n`, 40],
  [
    "Linux",
    "Filesystem     1024-blocks      Used Available Capacity Mounted on\n/dev/vda1        25669860 9000000  16000000      36% /\n",
    16_000_000,
  ],
  ["more used than there is for users", `${heading}/dev/vda1 100 99 -4 105% /\n`, 0],
  ["an error alone", "", undefined],
  ["headings alone", heading, undefined],
];

for (const [what, text, kilobytes] of spaces) {
  Deno.test(`free space: ${what}`, () => assert.equal(freeKilobytes(text), kilobytes));
}
