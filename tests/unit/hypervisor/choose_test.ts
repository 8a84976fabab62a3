import { deepStrictEqual, match, throws } from "node:assert/strict";
import type { HypervisorChoice } from "../../../lib/config/config.ts";
import { NixboxError } from "../../../lib/base/error.ts";
import type { Host } from "../../../lib/host/host.ts";
import { chooseHypervisor, type ChosenHypervisor } from "../../../lib/hypervisor/choose.ts";

const kvm = { usable: true, reason: "KVM by kvm_intel" };
const noKvm = { usable: false, reason: "there is no /dev/kvm" };
const emulated: ChosenHypervisor = {
  hypervisor: "qemu",
  warning: "no KVM (there is no /dev/kvm): QEMU emulates, slowly",
};

const chosen: readonly [HypervisorChoice, Host["os"], boolean, ChosenHypervisor][] = [
  ["auto", "linux", true, { hypervisor: "cloud-hypervisor" }],
  ["auto", "linux", false, emulated],
  ["qemu", "linux", true, { hypervisor: "qemu" }],
  ["qemu", "linux", false, emulated],
  ["cloud-hypervisor", "linux", true, { hypervisor: "cloud-hypervisor" }],
  ["auto", "darwin", true, { hypervisor: "vfkit" }],
  ["vfkit", "darwin", true, { hypervisor: "vfkit" }],
];

for (const [choice, os, usable, expected] of chosen) {
  const means = usable ? "with" : "without";
  Deno.test(`${choice} on ${os} ${means} acceleration is ${expected.hypervisor}`, () => {
    const acceleration = usable ? kvm : noKvm;
    deepStrictEqual(chooseHypervisor(choice, { os, acceleration }), expected);
  });
}

const refused: readonly [HypervisorChoice, Host["os"], boolean, RegExp][] = [
  ["cloud-hypervisor", "linux", false, /there is no \/dev\/kvm/],
  ["vfkit", "linux", true, /macOS only/],
  ["qemu", "darwin", true, /macOS has vfkit/],
  ["cloud-hypervisor", "darwin", true, /macOS has vfkit/],
  ["auto", "darwin", false, /no machine can run/],
];

for (const [choice, os, usable, reason] of refused) {
  const means = usable ? "with" : "without";
  Deno.test(`${choice} on ${os} ${means} acceleration is refused with what to do`, () => {
    const acceleration = usable ? kvm : noKvm;
    throws(() => chooseHypervisor(choice, { os, acceleration }), (error) => {
      if (!(error instanceof NixboxError)) return false;
      match(error.message, reason);
      return error.hint !== undefined;
    });
  });
}
