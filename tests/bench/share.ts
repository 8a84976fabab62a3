/**
 * The figures of shares, in the lab: mount and unmount in a running machine, and what virtiofsd's
 * settings make of many small files. The settings are measured in turn, in one guest.
 */
import { detectHost } from "../../lib/host/detect.ts";
import { openProject } from "../../mod.ts";
import { endProcess } from "../../lib/host/root/end_process.ts";
import { run } from "../../lib/host/process/run.ts";
import { qemuDriver } from "../../lib/hypervisor/qemu.ts";
import type { RunningGuest } from "../../lib/hypervisor/driver.ts";
import { listRecords } from "../../lib/state/store.ts";
import { startVirtiofsd } from "../e2e/support/virtiofsd.ts";
import { median, row, timed } from "./figures.ts";
import { makeProject } from "./project.ts";

const directory = await makeProject();
const project = await openProject(directory);
await project.up({ runner: "/lab/runner" });
const host = await detectHost();
const { records: [record] } = await listRecords(host);
if (record === undefined) throw new Error("the machine has no record");

async function mountAndUnmount(): Promise<boolean> {
  const source = `${directory}/source`;
  await Deno.mkdir(source);
  const mounts: Record<string, number[]> = { virtiofs: [], sshfs: [] };
  const unmounts: Record<string, number[]> = { virtiofs: [], sshfs: [] };
  for (let round = 0; round < 10; round++) {
    for (const via of ["virtiofs", "sshfs"]) {
      const cwd = { cwd: directory };
      const mount = ["nixbox", "mount", `${source}:/mnt/bench`, "--via", via];
      mounts[via]?.push(await timed(() => run(mount, cwd)));
      unmounts[via]?.push(await timed(() => run(["nixbox", "unmount", "/mnt/bench"], cwd)));
    }
  }
  console.log("shares of a running machine, 10 rounds in turn, the whole command:");
  for (const via of ["virtiofs", "sshfs"]) {
    console.log(
      row(`mount, ${via}`, mounts[via] ?? [], via === "virtiofs" ? "to be under 400" : ""),
    );
    console.log(row(`unmount, ${via}`, unmounts[via] ?? [], "to be under 1500"));
  }
  return median(mounts["virtiofs"] ?? []) < 400 && median(unmounts["virtiofs"] ?? []) < 1500;
}

/** The arguments that are tried; the first is nixbox's own. */
const settings: Readonly<Record<string, readonly string[]>> = {
  "as nixbox starts it": [],
  "--cache=never": ["--cache=never"],
  "--cache=metadata": ["--cache=metadata"],
  "--cache=always": ["--cache=always"],
  "--cache=auto --writeback": ["--writeback"],
  "--cache=always --writeback": ["--cache=always", "--writeback"],
  "--thread-pool-size=1": ["--thread-pool-size=1"],
  "--thread-pool-size=4": ["--thread-pool-size=4"],
  "--thread-pool-size=16": ["--thread-pool-size=16"],
  "--inode-file-handles=never": ["--inode-file-handles=never"],
  "--inode-file-handles=mandatory": ["--inode-file-handles=mandatory"],
  "--no-announce-submounts": ["--no-announce-submounts"],
};

// Prints the seconds for writing, for reading, and for both.
const work = `
import os, sys, time
count = int(sys.argv[1])
os.mkdir("/mnt/bench/many")
os.chdir("/mnt/bench/many")
started = time.monotonic()
for number in range(count):
    with open(str(number), "w") as file: file.write("x" * 200)
written = time.monotonic()
for number in range(count):
    with open(str(number)) as file: file.read()
done = time.monotonic()
print(written - started, done - written, done - started)
`;

async function measure(more: readonly string[], files: number): Promise<number[] | string> {
  const source = await Deno.makeTempDir({ dir: directory });
  const socket = `${directory}/s.sock`;
  const id = record?.id ?? "";
  const { process, logFile, listens } = await startVirtiofsd(host, id, source, socket, more);
  let guest: RunningGuest | undefined;
  try {
    if (!listens) return "virtiofsd does not start with it here";
    guest = await qemuDriver.connect(record?.apiSocket ?? "", { timeoutMs: 5000 });
    const device = { id: "bench", tag: "bench", socket };
    await guest.hotPlug?.addShare(device);
    const mount = "sudo mkdir -p /mnt/bench; " +
      "until sudo mount -t virtiofs bench /mnt/bench 2>/dev/null; do sleep 0.05; done; sync";
    await project.output([mount]);
    const { stdout, stderr } = await project.output(["python3", "-c", work, `${files}`]);
    await project.output(["sudo umount /mnt/bench"]);
    await guest.hotPlug?.removeDevice("bench");
    const seconds = stdout.trim().split(" ").map(Number);
    return seconds.length === 3 ? seconds : stderr;
  } catch (error) {
    const log = (await Deno.readTextFile(logFile)).trim().split("\n").at(-1);
    return `${error instanceof Error ? error.message : error}; virtiofsd: ${log}`;
  } finally {
    guest?.close();
    await endProcess(host, process.identity, { graceMs: 1000 });
    await Deno.remove(socket).catch(() => {});
    await Deno.remove(source, { recursive: true });
  }
}

async function smallFiles(): Promise<boolean> {
  const rounds = 4;
  const files = 600;
  const times = new Map<string, number[][]>();
  const failures = new Map<string, string>();
  for (let round = 0; round < rounds; round++) {
    // Every other round backwards, so that a machine that slows down slows all alike.
    const order = Object.entries(settings);
    for (const [name, more] of round % 2 === 0 ? order : order.toReversed()) {
      const seconds = await measure(more, files);
      if (typeof seconds === "string") failures.set(name, seconds.trim().split("\n").at(-1) ?? "");
      else times.set(name, [...times.get(name) ?? [], seconds]);
    }
  }
  const column = (name: string, index: number) =>
    median((times.get(name) ?? []).map((row) => row[index] ?? NaN));
  const totals = [...times.keys()].map((name) => column(name, 2));
  const best = Math.min(...totals);
  console.log(`${files} files of 200 bytes, median of ${rounds} in turn: ms a file`);
  for (const name of Object.keys(settings)) {
    if (failures.has(name)) {
      console.log(`  ${name.padEnd(34)} ${failures.get(name)}`);
      continue;
    }
    const cells = [0, 1, 2].map((index) => column(name, index) * 1000 / files);
    const [write = 0, read = 0, both = 0] = cells.map((cell) => Number(cell.toFixed(2)));
    const ratio = (column(name, 2) / best).toFixed(2);
    console.log(
      `  ${name.padEnd(34)} write ${write}, read ${read}, both ${both}: ${ratio} x the best`,
    );
  }
  return column("as nixbox starts it", 2) < 2 * best;
}

const isQuick = Deno.args.includes("--files") || await mountAndUnmount();
const isNear = await smallFiles();
await project.down();
await Deno.remove(directory, { recursive: true });
Deno.exit(isQuick && isNear ? 0 : 1);
