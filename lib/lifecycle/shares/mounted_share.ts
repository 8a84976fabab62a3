import type { TargetedShare } from "../../state/record.ts";

/** A share as the guest has it. */
export interface MountedShare {
  /** Real path on the host. */
  readonly source: string;
  /** Where the guest has it. */
  readonly target: string;
  /** Whether the host refuses every change. */
  readonly readonly: boolean;
  /** Whether the guest's changes stay in its memory. */
  readonly overlay: boolean;
  /** How it reaches the guest. */
  readonly via: "virtiofs" | "sshfs";
}

/** What a caller is told of a share. */
export function mountedShare(share: TargetedShare): MountedShare {
  const { source, target, readonly, overlay, via } = share;
  return { source, target, readonly, overlay, via };
}
