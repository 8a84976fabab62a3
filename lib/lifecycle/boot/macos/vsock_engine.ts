import type { Config, Project } from "../../../config/config.ts";
import { NixboxError } from "../../../base/error.ts";
import type { Host } from "../../../host/host.ts";
import { ownCommand } from "../../../host/process/own_command.ts";
import type { Emit } from "../../../base/progress.ts";
import type { Engine } from "../../up/engine.ts";
import { warnOfHome } from "../../shares/home_share.ts";
import { type FactsOptions, machineFacts } from "../machine_facts.ts";
import { act } from "../../machine/steps.ts";
import { VsockBoot } from "./vsock_boot.ts";
import { makeVsockPlan, type VsockPlanInput } from "./vsock_plan.ts";

/** macOS: vsock, vfkit's own shares, and in mode `filtered` nixbox's own proxy. */
export const vsockEngine: Engine = {
  requireNetwork(_host, network) {
    refuseTapsOnly(network);
    return Promise.resolve();
  },

  async plan(host, project, config, options, emit) {
    return makeVsockPlan(await planInput(host, project, config, options, emit));
  },

  async boot(host, project, config, options, emit) {
    const { place, signal, scripts, timeoutMs = 90_000, fresh = false } = options;
    const plan = makeVsockPlan(await planInput(host, project, config, options, emit));
    for (const share of [...plan.record.shares, ...plan.overSsh]) warnOfHome(host, share, emit);
    const boot = new VsockBoot(
      { host, place, project, plan, scripts, timeoutMs, fresh, signal, emit },
    );
    await act([...boot.steps], emit, signal, () => boot.finish());
    return boot.record;
  },
};

async function planInput(
  host: Host,
  project: Project,
  config: Config,
  options: FactsOptions,
  emit: Emit,
): Promise<VsockPlanInput> {
  const { facts } = await machineFacts(host, project, config, options, emit);
  return { ...facts, ownCommand: await ownCommand() };
}

/** @throws {NixboxError} for what the Linux firewall does, and nothing here can. */
function refuseTapsOnly({ mode, allowHost, allowPrivate }: Config["network"]): void {
  if (mode !== "open" || (allowHost.length === 0 && allowPrivate.length === 0)) return;
  throw new NixboxError(
    'network.allowHost and network.allowPrivate say nothing in mode "open" here',
    {
      where: "network",
      hint: "macOS' own network gives the guest everything that this Mac reaches; take them out, " +
        'or set network.mode = "filtered", whose proxy keeps to them',
    },
  );
}
