export type HypervisorName = "cloud-hypervisor" | "vfkit" | "qemu";

export interface RunnerDisk {
  readonly path: string;
  readonly readonly: boolean;
  /** The device's id for the hypervisor's control socket. */
  readonly id?: string;
  /** What the guest sees: `/dev/disk/by-id/virtio-SERIAL`, at most 20 bytes. */
  readonly serial?: string;
}

/** A shared directory: virtiofs by a virtiofsd socket, or by a path where the VMM serves it. */
export interface RunnerShare {
  /** The virtiofs tag, at most 36 bytes. */
  readonly tag: string;
  readonly socket?: string;
  readonly source?: string;
  /** The device's id for the hypervisor's control socket. */
  readonly id?: string;
}

export interface RunnerNetwork {
  /** `tap` on Linux; `nat` for vfkit's vmnet; others pass through by their own name. */
  readonly kind: "tap" | "nat" | "user" | (string & Record<never, never>);
  readonly tap?: string;
  readonly mac?: string;
}

/** A port of the guest's vsock joined to a Unix socket of the host (vfkit). */
export interface RunnerVsockPort {
  readonly port: number;
  readonly socket: string;
  /** `connect`: host to guest; `listen`: guest to host. */
  readonly direction: "connect" | "listen";
}

/** What a microvm.nix runner starts, whatever the hypervisor. Memory is in MiB. */
export interface RunnerView {
  readonly hypervisor: HypervisorName;
  readonly cpus: number;
  readonly memoryMB: number;
  readonly disks: readonly RunnerDisk[];
  readonly shares: readonly RunnerShare[];
  readonly networks: readonly RunnerNetwork[];
  readonly kernel: string;
  readonly initrd: string | undefined;
  readonly cmdline: string;
  readonly apiSocket?: string;
  readonly vsockCid?: number;
  readonly vsockPorts?: readonly RunnerVsockPort[];
}

/** What to change; what is absent stays as it is. */
export interface RunnerChanges {
  readonly cpus?: number;
  readonly memoryMB?: number;
  /** Replaces every network card; `[]` takes them all away. */
  readonly networks?: readonly RunnerNetwork[];
  /** `null` takes the vsock device away. */
  readonly vsockCid?: number | null;
  readonly vsockPorts?: readonly RunnerVsockPort[];
  readonly apiSocket?: string;
  /** Words added at the end of the kernel's command line. */
  readonly kernelParams?: readonly string[];
  readonly addDisks?: readonly RunnerDisk[];
  readonly addShares?: readonly RunnerShare[];
  /** Takes away shares by tag, e.g. one whose virtiofsd nixbox does not start. */
  readonly removeShares?: readonly string[];
  /** QEMU: `kvm` or `tcg` (slow, works everywhere). */
  readonly acceleration?: "kvm" | "tcg";
  /** QEMU: empty PCIe root ports for hot-plug, at least this many. */
  readonly hotPlugPorts?: number;
  /** Where the guest's console goes; a file that the hypervisor writes. */
  readonly consoleLog?: string;
}
