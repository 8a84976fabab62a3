/** The logs of a machine: its own file, since completion needs no more than the names. */
export const logNames = [
  "console",
  "hypervisor",
  "dnsmasq",
  "proxy",
  "virtiofsd",
  "provisioning",
  "ssh",
] as const;

/** One of {@linkcode logNames}. */
export type LogName = typeof logNames[number];
