import type { DetachedOptions, DetachedProcess } from "../../../host/process/detached.ts";
import { NixboxError } from "../../../base/error.ts";
import { ensurePrivateDirectory } from "../../../host/files/files.ts";
import { ownGroups, recordedArgv, spawnPlaced } from "../../../host/root/placed.ts";
import { passDocker } from "../../../network/docker.ts";
import { enableForwarding } from "../../../network/forwarding.ts";
import { joinNamespace, loadFirewall } from "../../../network/join.ts";
import { servicePids, startServices } from "../../../network/services.ts";
import { hasTap, type TapRecord } from "../../../state/record.ts";
import { claimOf, lockSlots, writeSlotOwner } from "../../../state/slots.ts";
import { waitForSsh } from "./wait_for_ssh.ts";
import { MachineBoot } from "../machine_boot.ts";
import type { Plan } from "./tap_plan.ts";
import { prepareShare, startServer } from "../../shares/share_server.ts";
import type { Step } from "../../machine/steps.ts";
import { forwardingMemory } from "../teardown.ts";
import { placesOfNewDisks } from "./new_disks.ts";
import { placedVmm, withPlaces } from "./vmm_place.ts";

/** MiB: stacks of threads count whole, used or not. */
const spareAddressesMB = 2048;

/** The steps that carry out a plan on Linux. */
export class TapBoot extends MachineBoot<Plan> {
  get steps(): readonly Step[] {
    const { host, plan } = this.boot;
    return [
      this.step("record", () => this.save({})),
      // Claimed before there was a plan; here for its undo.
      this.step("slot"),
      this.step("directories", () => this.makeDirectories()),
      this.step("firewall", () => loadFirewall(host, plan.network)),
      this.step("tap", () => joinNamespace(host, plan.network)),
      this.step("forwarding", () => this.#startForwarding()),
      this.step("services", () => startServices(host, plan.network)),
      this.step("shares", () => this.#startShares()),
      this.step("provisioning", () => this.writeProvisioningDisk()),
      this.step("vmm", () => this.#startVmm()),
      { name: "boot the guest", run: () => this.#waitForGuest(), undo: async () => {} },
      this.step("ssh", () => this.logIn()),
      this.handOverStep(),
    ];
  }

  get #tapRecord(): TapRecord {
    const { record } = this;
    if (hasTap(record)) return record;
    throw new TypeError("a machine without a tap has another boot");
  }

  async #startForwarding(): Promise<void> {
    const { host, place, plan } = this.boot;
    if (!plan.network.forwards) return;
    const lock = await lockSlots(host, place, this.signal);
    try {
      await enableForwarding(host, forwardingMemory(place));
    } finally {
      lock.release();
    }
    await passDocker(host, plan.network.slot.link);
  }

  async #startShares(): Promise<void> {
    const { host, plan, emit } = this.boot;
    const waiting: (() => Promise<void>)[] = [];
    for (const server of plan.virtiofsd) {
      const { id } = server;
      const share = this.record.shares.find((candidate) => candidate.id === id);
      if (share === undefined) throw new NixboxError(`the plan has no share ${id}`);
      for (const message of await prepareShare(host, this.record.id, share)) {
        emit({ kind: "warning", message });
      }
      const started = await startServer(host, this.record.id, share, server, this.signal);
      await this.save({
        servers: [...this.record.servers, { id, process: started.process.identity }],
      });
      waiting.push(started.isReady);
    }
    await Promise.all(waiting.map((isReady) => isReady()));
  }

  async #startVmm(): Promise<void> {
    const { host, place } = this.boot;
    const { id, memoryMB, network } = this.#tapRecord;
    await this.startVmm(
      (options) => this.#startPlaced(options),
      (vmm) => writeSlotOwner(host, place, network.slot, claimOf(host, id, vmm, memoryMB)),
    );
  }

  /** In the machine's network namespace, with its own file system, within its limits. */
  async #startPlaced(options: DetachedOptions): Promise<DetachedProcess> {
    const { host, plan } = this.boot;
    const { runtimeDirectory, servers } = this.#tapRecord;
    const places = await placesOfNewDisks(plan.place.disks);
    await ensurePrivateDirectory(plan.place.root.place, host.user.uid);
    const { manager, memoryMB } = plan.place.group;
    const placed = {
      ...options,
      pidFile: `${runtimeDirectory}/vmm.pid`,
      ...(manager === "none" ? { dataMB: memoryMB + spareAddressesMB } : {}),
    };
    const command = placedVmm(
      host.user,
      { ...plan.place, root: withPlaces(plan.place.root, places) },
      plan.vmm,
      {
        recorded: (argv) => recordedArgv(placed, argv),
        groups: await ownGroups(),
        servers: [
          ...servers.map(({ process }) => process.pid),
          ...await servicePids(host, plan.network),
        ],
      },
    );
    return await spawnPlaced(host, command, placed);
  }

  async #waitForGuest(): Promise<void> {
    const { host, place, timeoutMs } = this.boot;
    const { signal } = this;
    const consoleLog = `${this.logs}/console.log`;
    await waitForSsh(host, place, this.#tapRecord, { timeoutMs, signal, consoleLog });
  }
}
