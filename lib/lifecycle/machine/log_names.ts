/** The logs of a machine; in a file by themselves, since completion needs no more than the names. */
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
