/**
 * What the network's rules cost, in the lab: a real guest in its namespace, against the same namespace
 * with masquerade and nothing else. Both ways run in turn in one machine, A B A B.
 */
import { detectHost } from "../../lib/host/detect.ts";
import { run } from "../../lib/host/process/run.ts";
import { slotAddresses } from "../../lib/network/policy/addresses.ts";
import { firewallRules } from "../../lib/network/rules/firewall.ts";
import { hostNetwork } from "../../lib/network/host_network.ts";
import { hostRules, mark } from "../../lib/network/rules/host_rules.ts";
import type { NetworkPolicy } from "../../lib/network/policy/policy.ts";
import { openProject } from "../../mod.ts";
import { filteredPolicy } from "../e2e/support/policy.ts";
import { median, row, timed } from "./figures.ts";
import { configure, makeProject } from "./project.ts";

const network = await hostNetwork(await detectHost());
const directory = await makeProject('network = { mode = "open"; };');
const rounds = 5;
const megabytes = 100;

async function inGuest(line: string): Promise<string> {
  return (await run(["nixbox", "run", "--", line], { cwd: directory })).stdout;
}

/** MB/s of one download by curl in the guest. */
async function download(): Promise<number> {
  const url = `http://allowed.test/bytes/${megabytes * 1_000_000}`;
  return Number(await inGuest(`curl -sS -o /dev/null -w '%{speed_download}' ${url}`)) / 1e6;
}

/** MB/s of one upload. */
async function upload(): Promise<number> {
  const send = `head -c ${megabytes * 1_000_000} /dev/zero | ` +
    "curl -sS -T - -o /dev/null -w '%{speed_upload}' http://allowed.test/count";
  return Number(await inGuest(send)) / 1e6;
}

/** Milliseconds of one small request, name and connection included: the median of some. */
async function request(): Promise<number> {
  const text = await inGuest(
    "for i in $(seq 15); do curl -sS -o /dev/null -w '%{time_total}\\n' http://n$i.many.allowed.test/; done",
  );
  return median(text.trim().split("\n").map((seconds) => Number(seconds) * 1000));
}

const first = slotAddresses(0);
const inside = ["nsenter", `--net=/run/netns/${first.namespace}`];

/** What a packet needs to get out, and no other rule. */
const bare = `flush ruleset
table inet nixbox_s0 {
  chain marking { type filter hook prerouting priority raw; iifname "${first.tap}" meta mark set ${mark}
  }
  chain leaving { type nat hook postrouting priority srcnat; oifname "${first.uplink}" masquerade
  }
}`;

/** Loads rules into the machine's namespace, in place of those that are there. */
async function load(rules: string): Promise<void> {
  const begin = rules.startsWith("flush") || rules.startsWith("add") ? "" : "flush ruleset\n";
  await run([...inside, "nft", "-f", "-"], { stdin: begin + rules });
}

/** Loads what 63 other machines have among the host's own rules. */
async function loadOthers(): Promise<void> {
  for (const slot of others) await run(["nft", "-f", "-"], { stdin: hostRules(slot) });
}

function rulesOf(policy: NetworkPolicy, mac = "02:00:00:00:00:99"): string {
  return firewallRules({ slot: first, mac, policy, hostNetwork: network });
}

async function compare(title: string, ways: Record<string, () => Promise<void>>): Promise<void> {
  const figures = new Map<string, { down: number[]; up: number[]; request: number[] }>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, prepare] of Object.entries(ways)) {
      await prepare();
      const one = figures.get(name) ?? { down: [], up: [], request: [] };
      one.down.push(await download());
      one.up.push(await upload());
      one.request.push(await request());
      figures.set(name, one);
    }
  }
  console.log(`${title}, median of ${rounds}, in turn:`);
  const base = figures.values().next().value;
  for (const [name, { down, up, request }] of figures) {
    const share = (mine: number[], its: number[] = []) =>
      `${(100 * median(mine) / median(its)).toFixed(0)}%`;
    console.log(
      `  ${name.padEnd(26)} down ${median(down).toFixed(0)} MB/s (${share(down, base?.down)})` +
        `  up ${median(up).toFixed(0)} MB/s (${share(up, base?.up)})` +
        `  request ${median(request).toFixed(1)} ms`,
    );
  }
}

async function rulesNow(): Promise<string> {
  const { stdout } = await run([...inside, "nft", "list", "ruleset"]);
  return stdout;
}

const project = await openProject(directory);
const up = async () => {
  await project.up({ runner: "/lab/runner" });
};

await up();
const open = await rulesNow();
const others = Array.from({ length: 63 }, (_, index) => slotAddresses(index + 1));
await compare("open against a namespace without rules", {
  "no rules, masquerade": () => load(bare),
  "open": () => load(open),
  "open, 63 other slots": async () => {
    await load(open);
    await loadOthers();
  },
  "open again": async () => {
    for (let slot = 1; slot < 64; slot++) {
      await run(["nft", "delete", "table", "inet", `nixbox_s${slot}`], { accept: "any" });
    }
  },
});
const loading: number[] = [];
for (let round = 0; round < 20; round++) {
  loading.push(await timed(() => load(rulesOf(filteredPolicy))));
}
console.log(row("load a slot's rules", loading, "to be under 30 ms"));
await project.down();

// Which way a connection goes is the rules' choice, so both run in one machine here, too: with
// inspection on, the plain rules stand for the others while the inspector idles.
const filtered = 'network = { mode = "filtered"; domains = [ "allowed.test" ]; };';
await configure(directory, filtered);
await up();
const inspecting = await rulesNow();
const policy = { ...filteredPolicy, inspect: false };
const mac = /ether saddr != (\S+)/.exec(inspecting)?.[1] ?? "";
const plain = rulesOf(policy, mac);
await compare("filtered", {
  "open": () => load(open),
  "filtered, address alone": () => load(plain),
  "filtered, inspected": () => load(inspecting),
});
await project.down();
await Deno.remove(directory, { recursive: true });
