import type { ArgumentList } from "./arguments.ts";
import { type Option, optionValue, withOption, withoutOption } from "./options.ts";
import {
  machineOf,
  parseQemuOptions as parse,
  typedValues,
  writeQemuOptions as write,
} from "./qemu_arguments.ts";
import type { RunnerNetwork } from "./view.ts";

/** A card of several queues has two interrupt vectors for each, and two more. */
const vectorsFor = (queues: number) => 2 * queues + 2;

/** Replaces every network card, with its backend. A tap has a pair of queues for each vCPU. */
export function setNetworks(
  list: ArgumentList,
  networks: readonly RunnerNetwork[],
  cpus: number,
): void {
  const isOnBus = !(machineOf(list)?.kind.startsWith("microvm") ?? false) || hasPciDevice(list);
  list.removeFlags("-device", (value) => optionValue(parse(value), "netdev") !== undefined);
  for (const flag of ["-netdev", "-nic", "-net"]) list.removeFlags(flag);
  networks.forEach((network, index) => {
    const id = `net${index}`;
    const queues = network.kind === "tap" ? cpus : 1;
    list.append("-netdev", write(backendOf(list, network, id, queues)));
    list.append("-device", write(cardOf(network, id, queues, isOnBus)));
  });
}

function hasPciDevice(list: ArgumentList): boolean {
  return typedValues(list, "-device").some(({ kind }) => kind.endsWith("-pci"));
}

function backendOf(
  list: ArgumentList,
  { kind, tap }: RunnerNetwork,
  id: string,
  queues: number,
): Option[] {
  if (kind === "user") return [{ key: kind }, { key: "id", value: id }];
  if (kind !== "tap" || tap === undefined) {
    throw list.lacking(`nixbox makes no "${kind}" network for QEMU`);
  }
  return [
    { key: kind },
    { key: "id", value: id },
    { key: "ifname", value: tap },
    { key: "script", value: "no" },
    { key: "downscript", value: "no" },
    ...(queues > 1 ? [{ key: "queues", value: `${queues}` }] : []),
  ];
}

function cardOf({ mac }: RunnerNetwork, id: string, queues: number, isOnBus: boolean): Option[] {
  return [
    { key: isOnBus ? "virtio-net-pci" : "virtio-net-device" },
    { key: "netdev", value: id },
    ...(mac === undefined ? [] : [{ key: "mac", value: mac }]),
    // No boot ROM: the guest never boots from the network.
    ...(isOnBus ? [{ key: "romfile", value: "" }] : []),
    ...(queues > 1 && isOnBus
      ? [{ key: "mq", value: "on" }, { key: "vectors", value: `${vectorsFor(queues)}` }]
      : []),
  ];
}

/** Fits the queues of the cards that stay to the vCPUs; one without a number of queues has one pair. */
export function setQueues(list: ArgumentList, cpus: number): void {
  for (const backend of typedValues(list, "-netdev")) {
    if (optionValue(backend.options, "queues") === undefined) continue;
    const id = optionValue(backend.options, "id");
    const isOfBackend = (options: readonly Option[]) => optionValue(options, "netdev") === id;
    const card = typedValues(list, "-device").find(({ options }) => isOfBackend(options));
    if (cpus > 1) {
      list.change(backend, write(withOption(backend.options, "queues", `${cpus}`)));
      if (card !== undefined && optionValue(card.options, "mq") === "on") {
        list.change(card, write(withOption(card.options, "vectors", `${vectorsFor(cpus)}`)));
      }
    } else {
      list.change(backend, write(withoutOption(backend.options, "queues")));
      if (card !== undefined) {
        list.change(card, write(withoutOption(card.options, "mq", "vectors")));
      }
    }
  }
}
