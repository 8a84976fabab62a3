import type { Host } from "../../host/host.ts";
import { isWithin } from "../../base/paths.ts";
import type { Emit } from "../../base/progress.ts";
import type { ShareRecord } from "../../state/record.ts";

/** Says what it means to let a guest write to the home directory: shells and programs run from it. */
export function warnOfHome(
  host: Pick<Host, "user">,
  share: Pick<ShareRecord, "source" | "readonly">,
  emit: Emit,
): void {
  if (share.readonly || !isWithin(host.user.home, share.source)) return;
  emit({
    kind: "warning",
    message:
      `the guest can write to all of ${host.user.home}: what it puts into .bashrc, .ssh and ` +
      "the like runs on this host; share one directory of it, or share it read-only",
  });
}
