/** What nix/resolve.nix gives for a project that sets nothing: a whole and right config. */
export function sampleConfig() {
  return {
    name: "my-project",
    resources: { vcpus: 2, memoryMB: 4096, diskGB: 20 },
    hypervisor: "auto",
    rosetta: false,
    mounts: [{ source: "/home/ada/my project", target: "~/workspace" }],
    network: {
      mode: "open",
      domains: ["nixos.org"],
      ports: [80, 443],
      dns: [],
      inspect: true,
      allowHost: [],
      allowPrivate: [],
    },
    nix: { packages: [], ldLibraries: [], modules: [] },
    env: {},
    scripts: [],
    hooks: { "pre-up": [], "post-up": [], "pre-down": [], "post-down": [] },
    plugins: [],
    user: "ada",
  };
}

/** The sample with values put at dotted paths: `{ "network.mode": "off" }`. */
export function sampleWith(changes: Readonly<Record<string, unknown>>): unknown {
  const config = sampleConfig();
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split(".");
    const last = keys.pop() ?? "";
    let at: object = config;
    for (const key of keys) at = Reflect.get(at, key);
    Reflect.set(at, last, value);
  }
  return config;
}
