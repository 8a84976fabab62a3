import type { Config, Project } from "../../config/config.ts";
import { callersEnv, resolveEnv } from "../../config/env_sources.ts";
import type { Host } from "../../host/host.ts";
import { isAlive } from "../../host/root/end_process.ts";
import { NixboxError } from "../../base/error.ts";
import { exists } from "../../host/files/files.ts";
import { type Emit, tellStep } from "../../base/progress.ts";
import { hasTap, type VmRecord } from "../../state/record.ts";
import { defaultSlotPlace, type SlotPlace } from "../../state/slots.ts";
import { noteProject } from "../../state/projects.ts";
import { lockProject, readRecord, statePaths } from "../../state/store.ts";
import { type AnyPlan, type Engine, engineOf } from "./engine.ts";
import { runHooks } from "../machine/hooks.ts";
import { keepFromMounts } from "../protection/programs_of_guests.ts";
import { requireHidden } from "../protection/private_directories.ts";
import { requireTools } from "../boot/requirements.ts";
import { pauseHint, pauseText, readPause, requireRoom, tellPauses } from "../machine/room.ts";
import { requireGone, tearDown } from "../boot/teardown.ts";
import { readScripts } from "../boot/scripts.ts";
import { changedFile, hostFilesOf, requireNoGuestFiles } from "../trust/host_files.ts";
import { runsOnHost } from "../trust/host_words.ts";
import { ensureOwnKeys } from "../trust/keys.ts";
import { readConfig } from "../trust/read_config.ts";

/** How `up` boots a machine. */
export interface UpOptions {
  /** A directory with `bin/microvm-run`, built elsewhere; nothing is built then. */
  readonly runner?: string;
  /** Use the last build, even if the config has changed since. */
  readonly noBuild?: boolean;
  /** How long the guest may take to open SSH; 90 s with hardware acceleration, 300 s without. */
  readonly timeoutMs?: number;
  /** Aborts, and undoes what was done. */
  readonly signal?: AbortSignal;
  /** Start with empty disks: what earlier boots kept on the machine's own is removed. */
  readonly fresh?: boolean;
}

/** A machine that is up. */
export interface UpResult {
  /** What is known of the machine. */
  readonly record: VmRecord;
  /** It ran already, and nothing was done. */
  readonly wasUp: boolean;
}

/**
 * Boots the project's machine: builds if needed, starts it with its network, shares and secrets,
 * and runs its scripts. When it gives a result, commands run in the guest and shares are mounted.
 * A failure at any point, or `signal`, undoes everything.
 */
export async function up(
  host: Host,
  project: Project,
  options: UpOptions,
  emit: Emit,
): Promise<UpResult> {
  const signal = options.signal ?? new AbortController().signal;
  const place = defaultSlotPlace;
  const lock = await lockProject(host, project.id, {
    work: "up",
    timeoutMs: 600_000,
    signal,
    emit,
  });
  try {
    const earlier = await earlierMachine(host, place, project.id, emit);
    if (earlier !== undefined) {
      if (options.fresh === true) throw stillUp(earlier);
      const pause = await readPause(host, earlier);
      if (pause !== undefined) {
        const message = `${pauseText(earlier.name, pause)}; ${pauseHint(pause)}`;
        emit({ kind: "warning", message });
      }
      return { record: earlier, wasUp: true };
    }
    await using accepted = await readConfig(host, project, signal, emit);
    const { config } = accepted;
    await keepFromMounts(config.mounts);
    await noteProject(host, project);
    await requireHidden(host, project);
    if (host.guestLink === "tap") await requireNoGuestFiles(config, project, host.user.home);
    const hostFiles = runsOnHost(config) ? await hostFilesOf(accepted.examined.gathered) : [];
    const scripts = await readScripts(config.scripts);
    const subject = { name: config.name, project: project.directory };
    const engine = await engineOf(host);
    await prepareUp(host, engine, project, config);
    await runHooks("pre-up", config.hooks["pre-up"], hostFiles, subject, emit, signal);
    // After the hooks, which may log in to where secrets are.
    await requireUnchanged(hostFiles);
    const env = await resolveEnv(project, config.env, { ...callersEnv, signal });
    const boot = { ...options, signal, place, env, scripts, accepted, hostFiles, mayBuild: true };
    using _ = tellPauses(
      host,
      () => readRecord(host, project.id),
      (message) => emit({ kind: "warning", message }),
    );
    const record = await engine.boot(host, project, config, boot, emit);
    await runHooks("post-up", config.hooks["post-up"], hostFiles, {
      ...subject,
      ...(hasTap(record) ? { address: record.network.address } : {}),
      runtimeDirectory: record.runtimeDirectory,
    }, emit);
    return { record, wasUp: false };
  } finally {
    lock.release();
  }
}

function stillUp({ name }: VmRecord): NixboxError {
  return new NixboxError(`${name} is up, with its disk`, {
    where: "--fresh",
    hint: "`nixbox down` first, then `nixbox up --fresh`",
  });
}

/** What `up` would do. Nothing is built, started or changed; the slot is the lowest. */
export async function planUp(
  host: Host,
  project: Project,
  options: UpOptions,
  emit: Emit,
): Promise<AnyPlan> {
  const signal = options.signal ?? new AbortController().signal;
  await using accepted = await readConfig(host, project, signal, emit);
  const { config } = accepted;
  await keepFromMounts(config.mounts);
  if (options.fresh === true) {
    emit({ kind: "note", message: "the machine's disks would be removed before it starts" });
  }
  const place = defaultSlotPlace;
  // Names are shown, and values are not even read.
  const env = Object.fromEntries(Object.keys(config.env).map((name) => [name, "***"]));
  const wanted = { ...options, signal, place, env, accepted, hostFiles: [], mayBuild: false };
  return await (await engineOf(host)).plan(host, project, config, wanted, emit);
}

/** The running machine, if there is one; what an earlier one left behind is cleared. */
async function earlierMachine(
  host: Host,
  place: SlotPlace,
  id: string,
  emit: Emit,
): Promise<VmRecord | undefined> {
  const record = await readRecord(host, id);
  if (record === undefined) return undefined;
  const isUp = record.state === "running" && record.vmm !== undefined &&
    await isAlive(host, record.vmm);
  if (isUp) return record;
  await tellStep(emit, "clear what an earlier run left", () => tearDown(host, place, record, emit));
  await requireGone(host, record);
  return undefined;
}

async function prepareUp(
  host: Host,
  engine: Engine,
  project: Project,
  config: Config,
): Promise<void> {
  await requireTools(host);
  await engine.requireNetwork(host, config.network);
  for (const [index, mount] of config.mounts.entries()) {
    if (await isDirectory(mount.source)) continue;
    const isThere = await exists(mount.source);
    throw new NixboxError(
      isThere
        ? `${mount.source} is not a directory, and only directories can be shared`
        : `there is no directory ${mount.source} to share`,
      { where: `mounts[${index}].source`, hint: "make it, or fix the path" },
    );
  }
  const writable = config.mounts.filter((mount) => !mount.readonly && !mount.overlay);
  const { directory } = statePaths(host, project.id);
  await requireRoom(host, [directory, ...writable.map(({ source }) => source)]);
  await ensureOwnKeys(host, project, config.name);
}

/** @throws {NixboxError} if what a command may run is not as it was accepted, a moment ago. */
async function requireUnchanged(files: Parameters<typeof changedFile>[0]): Promise<void> {
  const changed = await changedFile(files);
  if (changed === undefined) return;
  throw new NixboxError(`${changed} has changed since it was accepted`, {
    where: "env",
    hint: "look at it, then accept it: `nixbox trust`",
  });
}

async function isDirectory(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isDirectory, () => false);
}
