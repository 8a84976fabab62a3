/**
 * What the allow-list proxy costs, on loopback, against a relay in Deno that only passes bytes. The
 * proxy is the process that `up` starts; origin, client and proxy share this machine's cores.
 */
import { ownCommand } from "../../lib/host/process/own_command.ts";
import type { NetworkPolicy } from "../../lib/network/policy/policy.ts";
import { hostName } from "../../lib/network/dns/dnsmasq.ts";
import { median, row } from "./figures.ts";

const directory = await Deno.makeTempDir({ prefix: "nixbox-bench-" });
const here = import.meta.dirname ?? ".";
const bytes = 1_000_000_000;
const rounds = 7;

/** Starts a process of Deno's that ends with this one. */
function start(
  argv: readonly string[],
  stdout: "piped" | "inherit" = "inherit",
): Deno.ChildProcess {
  const [program = "", ...args] = argv;
  return new Deno.Command(program, { args, stdin: "null", stdout, stderr: "inherit" }).spawn();
}

const script = (
  name: string,
) => [Deno.execPath(), "run", "--quiet", "--allow-all", `${here}/${name}`];
const origin = start(script("proxy_origin.ts"), "piped");
const { value } = await origin.stdout.pipeThrough(new TextDecoderStream()).getReader().read();
const port = Number(value?.trim());

const policy: NetworkPolicy = {
  mode: "filtered",
  domains: ["nixos.org"],
  denied: [],
  ports: [443],
  inspect: true,
  allowHost: [port],
  allowPrivate: [],
  resolvers: [],
};
await Deno.writeTextFile(`${directory}/policy.json`, JSON.stringify(policy));
// The proxy lives as long as somebody listens here.
using _api = Deno.listen({ transport: "unix", path: `${directory}/api` });
const sockets = { proxy: `${directory}/proxy.sock`, relay: `${directory}/relay.sock` };
const files = [sockets.proxy, `${directory}/policy.json`, `${directory}/log`, `${directory}/api`];
const proxy = start([...await ownCommand(), "internal-proxy", ...files]);
const relay = start([...script("proxy_relay.ts"), sockets.relay, `${port}`]);
for (const path of Object.values(sockets)) await untilListening(path);

async function untilListening(path: string): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    try {
      return (await Deno.connect({ transport: "unix", path })).close();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error(`nobody listens at ${path}`);
}

type Way = "proxy" | "relay" | "direct";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A connection to the origin by one of the ways. */
async function connect(way: Way): Promise<Deno.Conn> {
  if (way === "direct") return await Deno.connect({ hostname: "127.0.0.1", port });
  const connection = await Deno.connect({ transport: "unix", path: sockets[way] });
  if (way === "relay") return connection;
  await connection.write(encoder.encode(`CONNECT ${hostName}:${port} HTTP/1.1\r\n\r\n`));
  const answer = new Uint8Array(256);
  const text = decoder.decode(answer.subarray(0, await connection.read(answer) ?? 0));
  if (!text.includes(" 200 ")) throw new Error(text);
  return connection;
}

const buffer = new Uint8Array(256 * 1024);

/** MB/s down, and up. */
async function throughput(way: Way): Promise<{ down: number; up: number }> {
  const down = await timedBytes(async () => {
    using connection = await connect(way);
    await connection.write(encoder.encode(`send ${bytes}\n`));
    for (let left = bytes; left > 0;) left -= await connection.read(buffer) ?? left;
  });
  const up = await timedBytes(async () => {
    using connection = await connect(way);
    await connection.write(encoder.encode(`count ${bytes}\n`));
    for (let left = bytes; left > 0;) {
      left -= await connection.write(buffer.subarray(0, Math.min(buffer.length, left)));
    }
    await connection.read(buffer);
  });
  return { down, up };
}

async function timedBytes(work: () => Promise<void>): Promise<number> {
  const before = performance.now();
  await work();
  return bytes / 1000 / (performance.now() - before);
}

/** Milliseconds until the first byte of an answer. */
async function firstByte(way: Way): Promise<number> {
  const before = performance.now();
  using connection = await connect(way);
  await connection.write(encoder.encode("hold\n"));
  await connection.read(buffer);
  return performance.now() - before;
}

/** Memory of a process in MB: resident, and its processor time so far in seconds. */
async function usage(pid: number): Promise<{ megabytes: number; seconds: number }> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const fields = (await Deno.readTextFile(`/proc/${pid}/stat`)).split(") ")[1]?.split(" ") ?? [];
  return {
    megabytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024 / 1e6,
    // In hundredths (proc_pid_stat(5), sysconf(_SC_CLK_TCK)).
    seconds: (Number(fields[11]) + Number(fields[12])) / 100,
  };
}

const speeds: Record<Way, { down: number[]; up: number[] }> = {
  direct: { down: [], up: [] },
  relay: { down: [], up: [] },
  proxy: { down: [], up: [] },
};
const used = { relay: 0, proxy: 0 };
const pids = { relay: relay.pid, proxy: proxy.pid };
for (let round = 0; round <= rounds; round++) {
  for (const way of ["direct", "relay", "proxy"] as const) {
    const before = way === "direct" ? 0 : (await usage(pids[way])).seconds;
    const { down, up } = await throughput(way);
    if (round === 0) continue;
    if (way !== "direct") used[way] += (await usage(pids[way])).seconds - before;
    speeds[way].down.push(down);
    speeds[way].up.push(up);
  }
}
console.log(`CONNECT on loopback, ${bytes / 1e9} GB each way, median of ${rounds}, in turn:`);
for (const [way, { down, up }] of Object.entries(speeds)) {
  const share = (mine: number[], its: number[]) =>
    `${(100 * median(mine) / median(its)).toFixed(0)}% of the relay`;
  console.log(
    `  ${way.padEnd(8)} down ${median(down).toFixed(0)} MB/s (${share(down, speeds.relay.down)})` +
      `  up ${median(up).toFixed(0)} MB/s (${share(up, speeds.relay.up)})`,
  );
}
const perCore = (seconds: number) => (2 * rounds * bytes / 1e6 / seconds).toFixed(0);
console.log(
  `  MB for each second of processor time: relay ${perCore(used.relay)}, proxy ${
    perCore(used.proxy)
  }; to be 300, or 80% of the relay`,
);

const first: Record<"direct" | "proxy", number[]> = { direct: [], proxy: [] };
for (let round = 0; round < 200; round++) {
  for (const way of ["direct", "proxy"] as const) first[way].push(await firstByte(way));
}
const over = median(first.proxy) - median(first.direct);
console.log("first byte, median of 200, in turn:");
console.log(row("direct", first.direct));
console.log(row("proxy", first.proxy, `${over.toFixed(2)} ms over direct; to be under 3`));

const held: Deno.Conn[] = [];
const alone = (await usage(proxy.pid)).megabytes;
for (let count = 0; count < 1000; count++) {
  const connection = await connect("proxy");
  await connection.write(encoder.encode("hold\n"));
  await connection.read(buffer);
  held.push(connection);
}
const full = (await usage(proxy.pid)).megabytes;
console.log(
  `1000 tunnels at once: ${full.toFixed(0)} MB resident (before, after all of the above: ${
    alone.toFixed(0)
  } MB); to be under 150`,
);
for (const connection of held) connection.close();
for (const process of [proxy, relay, origin]) process.kill("SIGKILL");
await Deno.remove(directory, { recursive: true });
const isFast = median(speeds.proxy.down) >= Math.min(300, 0.8 * median(speeds.relay.down)) &&
  median(speeds.proxy.up) >= Math.min(300, 0.8 * median(speeds.relay.up));
Deno.exit(isFast && over < 3 && full < 150 ? 0 : 1);
