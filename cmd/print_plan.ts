import type { AnyPlan } from "../lib/lifecycle/up/engine.ts";
import type { Plan } from "../lib/lifecycle/boot/linux/tap_plan.ts";
import type { VsockPlan } from "../lib/lifecycle/boot/macos/vsock_plan.ts";
import { printableCommand } from "../lib/host/process/run.ts";
import type { Globals } from "./globals.ts";
import type { Terminal } from "./terminal.ts";

/** Prints what `up` would do. Values of `env` are secrets and are never part of it. */
export function printPlan(terminal: Terminal, globals: Globals, plan: AnyPlan): void {
  const shown = withoutSecrets(plan);
  if (globals.json) return terminal.printJson(shown, 2);
  const { paint } = terminal;
  const { record } = plan;
  const title = (text: string) => terminal.print(`\n${paint.bold(text)}`);
  const body = (text: string) => {
    for (const line of text.trimEnd().split("\n")) terminal.print(`  ${line}`);
  };
  terminal.print(
    `${
      paint.bold(record.name)
    }: ${record.hypervisor}, ${record.cpus} vCPUs, ${record.memoryMB} MB, ` +
      `network ${record.network.policy.mode} ${placeOf(plan)}`,
  );
  title("shares");
  const overSsh = plan.kind === "vsock" ? plan.overSsh : [];
  for (const { source, target, readonly, via } of [...record.shares, ...overSsh]) {
    const how = `${readonly ? " (read-only)" : ""}${via === "sshfs" ? " (over SSH)" : ""}`;
    body(`${source} -> ${target ?? "the runner's own"}${how}`);
  }
  title("provisioning");
  const env = plan.kind === "vsock" ? plan.environment : plan.provisioning.env;
  body(`env: ${Object.keys(env).join(" ") || "none"}`);
  title("as root");
  if (plan.asRoot.length === 0) body("nothing");
  for (const argv of plan.asRoot) body(printableCommand(argv));
  if (plan.kind === "tap") printTapNetwork(plan, title, body);
  else printVsockNetwork(plan, title, body);
  title("processes");
  if (plan.kind === "tap") { for (const { argv } of plan.virtiofsd) body(printableCommand(argv)); }
  else if (plan.proxy !== undefined) body(printableCommand(plan.proxy.argv));
  body(printableCommand(plan.vmm));
  body(printableCommand(plan.ssh));
  title("runner");
  body(plan.script);
}

function withoutSecrets<P extends AnyPlan>(plan: P): P {
  const masked = (env: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.keys(env).map((name) => [name, "***"]));
  const provisioning = { ...plan.provisioning, env: masked(plan.provisioning.env) };
  return plan.kind === "vsock"
    ? { ...plan, provisioning, environment: masked(plan.environment) }
    : { ...plan, provisioning };
}

type Print = (text: string) => void;

/** Where in a network the machine is, for people. */
function placeOf({ record: { network } }: AnyPlan): string {
  return network.kind === "tap"
    ? `on slot ${network.slot} (${network.address})`
    : "reached over vsock";
}

function printTapNetwork({ network }: Plan, title: Print, body: Print): void {
  title(`tap, in the namespace ${network.slot.namespace} (ip -batch)`);
  body(network.tap);
  title("firewall, in the namespace (nft)");
  body(network.firewall);
  title("the host's own rules (nft)");
  body(network.hostRules);
  title("way to the namespace (ip -batch)");
  body(network.link);
  title("way out of the namespace (ip -batch)");
  body(network.uplink);
  title("dnsmasq");
  body(network.dnsmasq.config);
  body(network.dnsmasq.servers);
  if (network.inspector === undefined) return;
  title("inspector (haproxy)");
  body(network.inspector.config);
  body(network.inspector.names);
}

function printVsockNetwork({ record, proxy }: VsockPlan, title: Print, body: Print): void {
  title("network");
  body(
    record.network.policy.mode === "open" ? "a network card on macOS' own NAT" : "no network card",
  );
  if (proxy === undefined) return;
  title("proxy's policy");
  body(JSON.stringify(record.network.policy, null, 2));
}
