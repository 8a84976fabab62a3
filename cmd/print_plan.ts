import type { Plan } from "../lib/lifecycle/plan.ts";
import { printableCommand } from "../lib/host/process.ts";
import type { Globals } from "./globals.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Prints what `up` would do. Values of `env` are secrets and are never part of it. */
export function printPlan(terminal: Terminal, globals: Globals, plan: Plan): void {
  const shown = withoutSecrets(plan);
  if (globals.json) return terminal.print(JSON.stringify(shown, null, 2));
  const { paint } = terminal;
  const { record } = plan;
  const title = (text: string) => terminal.print(`\n${paint.bold(text)}`);
  const body = (text: string) => {
    for (const line of text.trimEnd().split("\n")) terminal.print(`  ${printable(line)}`);
  };
  terminal.print(
    `${
      paint.bold(record.name)
    }: ${record.hypervisor}, ${record.cpus} vCPUs, ${record.memoryMB} MB, ` +
      `network ${record.network.policy.mode} on slot ${record.network.slot} (${record.network.address})`,
  );
  title("shares");
  for (const { source, target, readonly } of record.shares) {
    body(`${source} -> ${target ?? "the runner's own"}${readonly ? " (read-only)" : ""}`);
  }
  title("provisioning");
  body(`env: ${Object.keys(plan.provisioning.env).join(" ") || "none"}`);
  title("as root");
  for (const argv of plan.asRoot) body(printableCommand(argv));
  title("firewall (nft)");
  body(plan.network.firewall);
  title("tap (ip -batch)");
  body(plan.network.tap);
  title("dnsmasq");
  body(plan.network.dnsmasq.config);
  body(plan.network.dnsmasq.servers);
  if (plan.network.inspector !== undefined) {
    title("inspector (haproxy)");
    body(plan.network.inspector.config);
    body(plan.network.inspector.names);
  }
  title("processes");
  for (const { argv } of plan.virtiofsd) body(printableCommand(argv));
  body(printableCommand(plan.vmm));
  body(printableCommand(plan.ssh));
  title("runner");
  body(plan.script);
}

function withoutSecrets(plan: Plan): Plan {
  const env = Object.fromEntries(Object.keys(plan.provisioning.env).map((name) => [name, "***"]));
  return { ...plan, provisioning: { ...plan.provisioning, env } };
}
