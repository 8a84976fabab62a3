import assert from "node:assert/strict";
import {
  detectLinux,
  hardLimitOf,
  isMountInMemory,
  linuxPaths,
  systemName,
} from "../../../lib/host/linux.ts";
import { parseStat } from "../../../lib/host/process/proc_stat.ts";
import { testOnLinux } from "../support/systems.ts";

const user = { name: "ann", uid: 1000, gid: 1000, home: "/home/ann" };
const env = (values: Record<string, string>) => (name: string) => values[name];

Deno.test("paths follow the XDG variables where they are set", () => {
  const paths = linuxPaths(user, env({ XDG_RUNTIME_DIR: "/run/user/1000", XDG_STATE_HOME: "/s" }));
  assert.deepEqual(paths, {
    state: "/s/nixbox",
    cache: "/home/ann/.cache/nixbox",
    runtime: "/run/user/1000/nixbox",
    secrets: "/run/user/1000/nixbox",
  });
});

Deno.test("without a session, sockets go where root makes a directory, secrets to memory", () => {
  const runtime = "/run/nixbox/users/1000";
  const inMemory = linuxPaths(user, env({}), () => true);
  assert.deepEqual([inMemory.runtime, inMemory.secrets], [runtime, runtime]);
  const onDisk = linuxPaths(user, env({}), () => false);
  assert.deepEqual([onDisk.runtime, onDisk.secrets], [runtime, "/dev/shm/nixbox-1000"]);
});

Deno.test("a directory is in memory if what was mounted there last is", () => {
  const mounts =
    "/dev/sda / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\ntmpfs /run/user/0 tmpfs rw 0 0\n";
  assert.equal(isMountInMemory(mounts, "/run"), true);
  assert.equal(isMountInMemory(`${mounts}/dev/sdb /run ext4 rw 0 0\n`, "/run"), false);
  assert.equal(isMountInMemory("/dev/sda / ext4 rw 0 0\n", "/run"), false);
});

Deno.test("a relative XDG directory is ignored: it would be the project's", () => {
  const variables = { XDG_RUNTIME_DIR: "run", XDG_STATE_HOME: ".", XDG_CACHE_HOME: "c" };
  assert.deepEqual(linuxPaths(user, env(variables)), linuxPaths(user, env({})));
});

Deno.test("a process's start time is read past names with spaces and parentheses", () => {
  const rest = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20 21";
  assert.deepEqual(parseStat(`42 (a) b (c)) ${rest}`), {
    isZombie: false,
    parent: 1,
    startTicks: "777",
  });
  assert.equal(parseStat(`42 (x) ${rest.replace("S", "Z")}`)?.isZombie, true);
  assert.equal(parseStat("nonsense"), undefined);
});

Deno.test("the limit of open files is the hard one", () => {
  const line = "Max open files            1024                 524288               files     \n";
  assert.equal(hardLimitOf(`Limit  Soft  Hard  Units\n${line}`), 524_288);
  assert.equal(hardLimitOf("Max open files  1024  unlimited  files\n"), Infinity);
  assert.equal(hardLimitOf(""), 0);
});

const releases: readonly (readonly [what: string, text: string, name: string])[] = [
  [
    "Debian",
    'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nNAME="Debian GNU/Linux"\n',
    "Debian GNU/Linux 13 (trixie)",
  ],
  ["NixOS", 'NAME=NixOS\nPRETTY_NAME="NixOS 26.05 (Yarara)"\n', "NixOS 26.05 (Yarara)"],
  ["without quotes", "PRETTY_NAME=Alpine\n", "Alpine"],
  ["no such file", "", "Linux"],
];

for (const [what, text, name] of releases) {
  Deno.test(`the system's name: ${what}`, () => assert.equal(systemName(text), name));
}

testOnLinux("this machine is what its module says", async () => {
  const host = detectLinux();
  assert.deepEqual([host.os, host.guestLink], ["linux", "tap"]);
  assert.equal(host.user.uid, Deno.uid());
  const me = await host.processes.identify(Deno.pid);
  assert.ok(typeof me === "object");
  assert.match(me.startTime, /^[0-9a-f-]{36}\/\d+$/);
  assert.ok((await host.processes.ownedBy(host.user.uid)).includes(Deno.pid));
  assert.ok((await host.processes.commandLine(Deno.pid))?.includes("test"));
  assert.ok(await host.processes.residentMB(Deno.pid) > 10);
  assert.ok(await host.freeSpaceMB("/") >= 0);
  assert.equal(await host.addressOf("02:00:00:00:00:01"), undefined);
});
