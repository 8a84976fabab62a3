import type { Config, Project } from "../../../config/config.ts";
import { exists } from "../../../host/files/files.ts";
import { groupManager } from "../../../host/confinement/control_group.ts";
import type { Host } from "../../../host/host.ts";
import { type Emit, tellStep } from "../../../base/progress.ts";
import { hasLandlock } from "../../../host/confinement/landlock.ts";
import { hostNetwork } from "../../../network/host_network.ts";
import { chooseRange } from "../../../network/range.ts";
import { upstreamResolvers } from "../../../network/resolvers.ts";
import { releaseSlot } from "../../../state/slots.ts";
import { claimSlot } from "./claim.ts";
import type { Engine } from "../../up/engine.ts";
import { warnOfHome } from "../../shares/home_share.ts";
import { located } from "../../protection/located.ts";
import { type FactsOptions, machineFacts } from "../machine_facts.ts";
import { makePlan, type Plan, type PlanInput } from "./tap_plan.ts";
import {
  dnsmasqFeatures,
  enoughOpenFiles,
  openFilesWarning,
  requireNetwork,
} from "../requirements.ts";
import { serverFacts } from "../../shares/server_facts.ts";
import { readRecord } from "../../../state/store.ts";
import { act } from "../../machine/steps.ts";
import { undoStep } from "../teardown.ts";
import { TapBoot } from "./tap_boot.ts";

/** Linux: a tap, a firewall, virtiofsd. */
export const tapEngine: Engine = {
  requireNetwork,

  async plan(host, project, config, options, emit) {
    // Claimed by nobody: the lowest.
    return makePlan({ ...await planInput(host, project, config, options, emit), slot: 0 });
  },

  async boot(host, project, config, options, emit) {
    const { place, signal } = options;
    const input = await planInput(host, project, config, options, emit);
    const { memoryMB } = config.resources;
    const claim = { id: project.id, memoryMB, starter: input.starter };
    const slot = await tellStep(
      emit,
      "claim a network slot",
      () => claimSlot(host, place, claim, signal),
    );
    let plan: Plan;
    try {
      plan = makePlan({ ...input, slot });
    } catch (error) {
      await releaseSlot(host, place, slot, project.id);
      throw error;
    }
    for (const share of plan.record.shares) warnOfHome(host, share, emit);
    const timeoutMs = options.timeoutMs ?? (input.acceleration === "hardware" ? 90_000 : 300_000);
    const { scripts, fresh = false } = options;
    const boot = new TapBoot(
      { host, place, project, plan, scripts, timeoutMs, fresh, signal, emit },
    );
    try {
      await act([...boot.steps], emit, signal, () => boot.finish());
    } catch (error) {
      // The slot was claimed before the first step, which may not have come to an end. What could not be
      // undone keeps its record, and its slot.
      if (await readRecord(host, project.id) === undefined) {
        await undoStep(host, place, plan.record, "slot").undo();
      }
      throw error;
    }
    return boot.record;
  },
};

/** Asks host and disk for all that the plan follows from, but the slot. */
async function planInput(
  host: Host,
  project: Project,
  config: Config,
  options: FactsOptions,
  emit: Emit,
): Promise<Omit<PlanInput, "slot">> {
  const { facts, obtained } = await machineFacts(host, project, config, options, emit);
  const servers = await serverFacts(host);
  if (servers.openFilesLimit < enoughOpenFiles) {
    emit({ kind: "warning", message: openFilesWarning(servers.openFilesLimit) });
  }
  const network = await hostNetwork(host);
  if (config.rosetta) emit({ kind: "warning", message: "rosetta is for macOS: nothing here" });
  return {
    ...facts,
    hostHasIpv6: await exists("/proc/sys/net/ipv6"),
    hostNetwork: network,
    range: await chooseRange(network),
    sharedDirectory: options.place.directory,
    resolvers: config.network.mode === "off" ? [] : await upstreamResolvers(config.network.dns),
    canFilterRecords: (await dnsmasqFeatures(host)).filterRecords,
    runnerShares: await Promise.all(
      obtained.directory.shares.map(async (share) => ({
        ...share,
        identity: (await located(share.source)).identity,
      })),
    ),
    ...servers,
    groupManager: await groupManager(),
    hasLandlock: await hasLandlock(),
  };
}
