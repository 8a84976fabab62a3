import type { Config } from "../../../lib/config/config.ts";
import { privilegeOf } from "../../../lib/host/root/privilege.ts";
import type { MachineFacts } from "../../../lib/lifecycle/boot/machine_plan.ts";

/** A config with everything that a plan looks at. */
export const exampleConfig: Config = {
  name: "box",
  resources: { vcpus: 3, memoryMB: 1500, diskGB: 20 },
  hypervisor: "auto",
  rosetta: false,
  mounts: [
    { source: "/home/ann/box", target: "~/workspace", readonly: false, overlay: false },
    { source: "/data", target: "/mnt/data", readonly: true, overlay: false },
  ],
  network: {
    mode: "open",
    domains: [],
    ports: [80],
    dns: [],
    inspect: true,
    allowHost: [],
    allowPrivate: [],
  },
  env: { TOKEN: "secret" },
  scripts: [],
  hooks: { "pre-up": ["a"], "post-up": [], "pre-down": ["b"], "post-down": ["c"] },
  plugins: [],
  nix: { packages: [], ldLibraries: [], modules: [] },
  user: "ann",
};

const user = { name: "ann", uid: 1000, gid: 1001, home: "/home/ann" };

/** What the plan of any machine follows from, but for its runner. */
export const exampleFacts: Omit<MachineFacts, "runner"> = {
  host: {
    user,
    paths: { state: "/s", cache: "/c", runtime: "/r", secrets: "/m" },
    privilege: privilegeOf(user.uid),
  },
  project: {
    id: "0123456789ab",
    directory: "/home/ann/box",
    configDirectory: "/home/ann/box/.nixbox",
    configFile: "/home/ann/box/.nixbox/config.nix",
  },
  config: exampleConfig,
  env: { TOKEN: "secret" },
  state: { directory: "/s/p", record: "/s/r.json", lock: "/s/p/lock", logs: "/s/p/logs" },
  mac: "02:00:00:00:00:07",
  build: "prebuilt",
  hostFiles: [],
  guest: { user: "dev", home: "/home/dev" },
  stateVersion: "25.11",
  sources: [
    { path: "/home/ann/box", identity: "1:2" },
    { path: "/real/data", identity: "1:3" },
  ],
  binds: [],
  privateDirectories: ["/home/ann/box/.nixbox", "/s"],
  acceleration: "emulation",
  tools: { bash: "/bin/bash" },
  starter: { pid: 5, startTime: "b/5" },
  now: 1_700_000_000_500,
};
