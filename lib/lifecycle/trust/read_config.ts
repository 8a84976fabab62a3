import type { Project } from "../../config/config.ts";
import type { Host } from "../../host/host.ts";
import { type Emit, tellStep } from "../../base/progress.ts";
import { type AcceptedConfig, openAcceptedConfig } from "./consent.ts";

/** {@linkcode openAcceptedConfig} as a step that is told. The caller disposes of what it gives. */
export function readConfig(
  host: Host,
  project: Project,
  signal: AbortSignal,
  emit: Emit,
): Promise<AcceptedConfig> {
  return tellStep(emit, "read the config", () => openAcceptedConfig(host, project, signal));
}
