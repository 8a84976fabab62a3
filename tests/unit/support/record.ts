import type { NetworkPolicy } from "../../../lib/network/policy.ts";
import type { VmRecord } from "../../../lib/state/record.ts";

/** What an open network lets a guest reach. */
export const examplePolicy: NetworkPolicy = {
  mode: "open",
  domains: ["nixos.org"],
  denied: [],
  ports: [80, 443],
  inspect: true,
  allowHost: [],
  allowPrivate: [],
  resolvers: ["192.0.2.1"],
};

/** A machine's record as `up` writes it. */
export const exampleRecord: VmRecord = {
  version: 2,
  id: "0123456789ab",
  name: "box",
  project: "/home/ann/box",
  state: "running",
  startedAt: 1_000_000,
  starter: { pid: 10, startTime: "b/1" },
  hypervisor: "qemu",
  acceleration: "emulation",
  cpus: 2,
  memoryMB: 1024,
  build: "prebuilt",
  runtimeDirectory: "/run/user/1000/nixbox/0123456789ab",
  secretsDirectory: "/run/user/1000/nixbox/0123456789ab.secrets",
  apiSocket: "/run/user/1000/nixbox/0123456789ab/api.sock",
  vmm: { pid: 11, startTime: "b/2" },
  servers: [],
  shares: [
    {
      id: "share0",
      tag: "nixbox-share0",
      source: "/home/ann/box",
      target: "/home/dev/workspace",
      readonly: false,
      overlay: false,
      via: "virtiofs",
      masks: [],
      state: "ready",
      socket: "/run/user/1000/nixbox/0123456789ab/share0.sock",
    },
    {
      id: "share1",
      tag: "nixbox-share1",
      source: "/home/ann/box/deep/data",
      target: "/data",
      readonly: true,
      overlay: false,
      via: "virtiofs",
      masks: [],
      state: "ready",
      socket: "/run/user/1000/nixbox/0123456789ab/share1.sock",
    },
  ],
  network: {
    policy: examplePolicy,
    slot: 3,
    tap: "nbx3",
    table: "nixbox_s3",
    mac: "02:00:00:00:00:03",
    gateway: "10.201.3.1",
    address: "10.201.3.2",
  },
  guest: { user: "dev", home: "/home/dev" },
  hooks: { preDown: [], postDown: [] },
};
