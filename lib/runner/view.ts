/** A hypervisor that nixbox drives. */
export type HypervisorName = "cloud-hypervisor" | "vfkit" | "qemu";

/** A disk of the guest. */
export interface RunnerDisk {
  /** File or device on the host, relative to the state directory or absolute. */
  readonly path: string;
  /** Whether the guest may only read it. */
  readonly readonly: boolean;
  /** The device's id for the hypervisor's control socket. */
  readonly id?: string;
  /** What the guest sees: `/dev/disk/by-id/virtio-SERIAL`, at most 20 bytes. */
  readonly serial?: string;
}

/** A shared directory: by the socket of its virtiofsd, or by its path where the hypervisor serves it. */
export interface RunnerShare {
  /** The virtiofs tag, at most 36 bytes. */
  readonly tag: string;
  /** The Unix socket on the host. */
  readonly socket?: string;
  /** The directory, where the hypervisor itself serves it. */
  readonly source?: string;
  /** The device's id for the hypervisor's control socket. */
  readonly id?: string;
}

/** A network card of the guest. */
export interface RunnerNetwork {
  /** `tap`; `user` (QEMU's own); `nat` (vfkit's). Others are only read, by the runner's name for them. */
  readonly kind: "tap" | "nat" | "user" | (string & Record<never, never>);
  /** Name of the tap. */
  readonly tap?: string;
  /** The card's MAC address. */
  readonly mac?: string;
}

/** A port of the guest's vsock joined to a Unix socket of the host (vfkit). */
export interface RunnerVsockPort {
  /** The vsock port. */
  readonly port: number;
  /** The Unix socket on the host. */
  readonly socket: string;
  /** `connect`: host to guest; `listen`: guest to host. */
  readonly direction: "connect" | "listen";
}

/** What a microvm.nix runner starts, whatever the hypervisor. Memory is in MiB. */
export interface RunnerView {
  /** The program that runs the guest. */
  readonly hypervisor: HypervisorName;
  /** Its vCPUs. */
  readonly cpus: number;
  /** Its memory, in MiB. */
  readonly memoryMB: number;
  /** Its disks, in order. */
  readonly disks: readonly RunnerDisk[];
  /** Its shared directories. */
  readonly shares: readonly RunnerShare[];
  /** Its network cards. */
  readonly networks: readonly RunnerNetwork[];
  /** Path of the kernel. */
  readonly kernel: string;
  /** Path of the initial RAM disk. */
  readonly initrd: string | undefined;
  /** The kernel's command line. */
  readonly cmdline: string;
  /** The control socket, as the runner has it. */
  readonly apiSocket?: string;
  /** The guest's vsock address. */
  readonly vsockCid?: number;
  /** vfkit's vsock ports. */
  readonly vsockPorts?: readonly RunnerVsockPort[];
}

/** What to change; what is absent stays as it is. */
export interface RunnerChanges {
  /** Its vCPUs. */
  readonly cpus?: number;
  /** Its memory, in MiB. */
  readonly memoryMB?: number;
  /** Replaces every network card; `[]` takes them all away. */
  readonly networks?: readonly RunnerNetwork[];
  /** `null` takes the vsock device away. */
  readonly vsockCid?: number | null;
  /** vfkit's vsock ports. */
  readonly vsockPorts?: readonly RunnerVsockPort[];
  /** The control socket, as the runner has it. */
  readonly apiSocket?: string;
  /** Words added at the end of the kernel's command line. */
  readonly kernelParams?: readonly string[];
  /** Disks to add; they can be removed while the guest runs. */
  readonly addDisks?: readonly RunnerDisk[];
  /** Shares to add; they can be removed while the guest runs. */
  readonly addShares?: readonly RunnerShare[];
  /** Takes away shares by tag, e.g. one whose virtiofsd nixbox does not start. */
  readonly removeShares?: readonly string[];
  /** QEMU: `kvm` or `tcg` (slow, works everywhere). */
  readonly acceleration?: "kvm" | "tcg";
  /**
   * What the hypervisor has to confine itself (seccomp filters) is on, in full, and the guest's memory
   * goes into no core dump.
   */
  readonly confined?: boolean;
  /**
   * cloud-hypervisor: what it may open later, under its own rules (Landlock) that allow what its
   * command line names; nothing where its version has none.
   */
  readonly openable?: readonly string[];
  /** QEMU: empty PCIe root ports for hot-plug, at least this many. */
  readonly hotPlugPorts?: number;
  /** vfkit: Apple's translator of x86_64 programs, as a share with the tag `rosetta`. */
  readonly rosetta?: boolean;
  /** Where the guest's console goes; a file that the hypervisor writes. */
  readonly consoleLog?: string;
}
