import type { Host } from "../../host/host.ts";
import { runAsRoot } from "../../host/root/as_root.ts";
import { NixboxError } from "../../base/error.ts";
import { CommandError } from "../../host/process/run.ts";

/** Something that the rules need of the kernel: the module that brings it, and a rule that has it. */
interface Feature {
  readonly module: string;
  /** The inside of a table. */
  readonly rules: string;
  /** Its family; inet where none is named. */
  readonly family?: "netdev";
}

const chain = (rule: string, hook = "type filter hook forward priority filter") =>
  `chain probe { ${hook}; policy accept; ${rule}; }`;
const leaving = "type nat hook postrouting priority srcnat";
const arriving = "type nat hook prerouting priority dstnat";

const features: readonly Feature[] = [
  { module: "nf_tables", rules: "chain probe { }" },
  { module: "nft_ct", rules: chain("ct state invalid drop") },
  { module: "nft_connlimit", rules: chain("ct count over 100 drop") },
  { module: "nft_limit", rules: chain("limit rate over 10/second drop") },
  { module: "nft_fib_inet", rules: chain("fib daddr type local drop") },
  { module: "nft_reject_inet", rules: chain("reject with icmpx admin-prohibited") },
  { module: "nft_masq", rules: chain("masquerade", leaving) },
  { module: "nft_nat", rules: chain("tcp dport 80 dnat ip to 127.0.0.1:80", arriving) },
  {
    module: "nf_tables (netdev)",
    family: "netdev",
    rules: 'chain probe { type filter hook ingress device "lo" priority 0; policy accept; }',
  },
  { module: "nft_quota", rules: chain("quota over 1 mbytes drop") },
  {
    module: "nft_ct (notrack)",
    rules: chain("notrack", "type filter hook prerouting priority raw"),
  },
  {
    module: "nf_tables (dynamic sets)",
    rules: `set seen { type ipv4_addr; size 8; timeout 1h; flags dynamic,timeout; }\n${
      chain("update @seen { ip daddr counter }")
    }`,
  },
];

/**
 * The modules that the kernel lacks for the rules, found by asking it to check rules without
 * loading them (`nft --check`), which has it load what modules it can.
 */
export async function missingModules(host: Host): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const { module, rules, family = "inet" } of features) {
    const text = `table ${family} nixbox_probe {\n${rules}\n}\n`;
    const argv = ["nft", "--check", "-f", "-"];
    const { code, stderr } = await runAsRoot(host, argv, text, { accept: "any" });
    if (code === 0) continue;
    // What the kernel refuses; anything else does not depend on modules.
    if (!stderr.includes("Could not process rule")) {
      throw new NixboxError(`nft does not check rules: ${stderr.trim().split("\n")[0]}`);
    }
    missing.push(module);
  }
  return missing;
}

/** How a user gets modules that are missing. */
export function modulesHint(modules: readonly string[]): string {
  const names = modules.map((module) => module.split(" ")[0]);
  return `load them: \`sudo modprobe --all ${[...new Set(names)].join(" ")}\`; ` +
    "a kernel without them needs CONFIG_NF_TABLES and its parts";
}

/** The error of a firewall that was not loaded, with the modules that the kernel lacks. */
export async function explainRefusal(host: Host, error: unknown): Promise<unknown> {
  if (!(error instanceof CommandError)) return error;
  // An nft that cannot even check says less than the error that there is.
  const missing = await missingModules(host).catch(() => []);
  if (missing.length === 0) return error;
  return new NixboxError(`the kernel lacks what the firewall needs: ${missing.join(", ")}`, {
    hint: modulesHint(missing),
    log: error.log,
    cause: error,
  });
}
