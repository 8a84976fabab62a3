/** The stand-in for vfkit takes what vfkit's documentation and code take, and nothing else. */
import assert from "node:assert/strict";
import { parseCommandLine, UsageError } from "../../stand_in/vfkit/arguments.ts";

const directory = await Deno.makeTempDir();
const disk = `${directory}/disk`;
const empty = `${directory}/empty`;
await Deno.writeTextFile(disk, "x");
await Deno.writeTextFile(empty, "");

const loader = 'linux,kernel=/k,initrd=/i,cmdline="console=hvc0 a=b,c"';
const base = ["--cpus", "2", "--memory", "1024", "--bootloader", loader];
const device = (text: string) => [...base, "--device", text];

Deno.test("stand-in vfkit: a whole command line", () => {
  const machine = parseCommandLine([
    ...base,
    ...["--log-level", "info", "--device", "virtio-rng"],
    ...["--device", `virtio-blk,path=${disk},readonly,deviceId=nixbox`],
    ...["--device", `virtio-fs,sharedDir=${directory},mountTag=tag`],
    ...["--device", "virtio-vsock,port=2222,socketURL=/s/ssh,connect"],
    ...["--device", "virtio-vsock,port=3128,socketURL=/s/proxy"],
    ...["--device", "virtio-net,nat,mac=02:00:00:00:00:01"],
    ...["--device", "virtio-serial,logFilePath=/l", "--device", "rosetta,mountTag=rosetta"],
    ...["--restful-uri", "unix:///s/api"],
  ], false);
  assert.deepEqual(machine, {
    cpus: 2,
    memoryMB: 1024,
    kernel: "/k",
    initrd: "/i",
    cmdline: "console=hvc0 a=b,c",
    disks: [{ path: disk, readonly: true, id: "nixbox" }],
    shares: [{ directory, tag: "tag" }],
    ports: [
      { port: 2222, path: "/s/ssh", direction: "connect" },
      { port: 3128, path: "/s/proxy", direction: "listen" },
    ],
    cards: ["02:00:00:00:00:01"],
    consoleLog: "/l",
    apiSocket: "/s/api",
    rosettaTag: "rosetta",
  });
});

const refused: readonly (readonly [what: string, words: readonly string[], says: RegExp])[] = [
  ["an unknown flag", [...base, "--memory-size", "1"], /unknown flag/],
  ["a flag without its value", [...base, "--device"], /needs an argument/],
  ["memory with a unit", ["--memory", "1G", "--bootloader", loader], /invalid argument/],
  ["another loader", ["--bootloader", "grub,x=y"], /unknown bootloader/],
  ["an unknown device", device("virtio-magic"), /unknown device/],
  ["an unknown key", device(`virtio-blk,path=${disk},serial=x`), /unknown option: serial/],
  ["a path with a comma", device(`virtio-blk,path=${disk},more`), /unknown option: more/],
  [
    "the spelling of vfkit's own documentation",
    device("rosetta,mountTag=r,ignoreIfMissing"),
    /ignoreIfMissing/,
  ],
  ["an empty disk", device(`virtio-blk,path=${empty}`), /is empty/],
  ["read-only sharing", device(`virtio-fs,sharedDir=${directory},readonly`), /unknown option/],
  ["a share that is not a directory", device(`virtio-fs,sharedDir=${disk}`), /is not a directory/],
  ["the console on a pipe", device("virtio-serial,stdio"), /inappropriate ioctl/],
  ["a card with no backend", device("virtio-net,mac=02:00:00:00:00:01"), /backend/],
  ["a relative socket", device("virtio-vsock,port=1,socketURL=ssh,connect"), /invalid socket path/],
  ["a relative service", [...base, "--restful-uri", "unix://api"], /invalid unix uri/],
  [
    "a socket that is too long",
    device(`virtio-vsock,port=1,socketURL=/${"x".repeat(103)}`),
    /bind/,
  ],
  ["a socket with a blank", device("virtio-vsock,port=1,socketURL=/a b"), /elsewhere/],
  ["port 0", device("virtio-vsock,port=0,socketURL=/a"), /invalid vsock port/],
];

for (const [what, words, says] of refused) {
  Deno.test(`stand-in vfkit: ${what} is fatal`, () => {
    assert.throws(() => parseCommandLine(words, false), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, says);
      return true;
    });
  });
}

Deno.test("stand-in vfkit: a disk that is not there is fatal, and stdio works on a terminal", () => {
  assert.throws(() => parseCommandLine(device("virtio-blk,path=/nowhere"), false), /nowhere/);
  assert.equal(parseCommandLine(device("virtio-serial,stdio"), true).consoleLog, undefined);
});
