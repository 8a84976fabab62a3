/** "/data at /mnt/data (read-only, by sshfs)" */
export function describeShare(share: {
  readonly source: string;
  readonly target: string;
  readonly readonly: boolean;
  readonly overlay: boolean;
  readonly via: "virtiofs" | "sshfs";
  readonly state?: "ready" | "changing";
}): string {
  const remarks = [
    ...(share.overlay ? ["overlay"] : share.readonly ? ["read-only"] : []),
    ...(share.via === "sshfs" ? ["by sshfs"] : []),
    ...(share.state === "changing" ? ["half-made"] : []),
  ];
  const remark = remarks.length === 0 ? "" : ` (${remarks.join(", ")})`;
  return `${share.source} at ${share.target}${remark}`;
}
