import type { UserFacts } from "../../../host/host.ts";
import { type ControlGroup, inControlGroup } from "../../../host/confinement/control_group.ts";
import { asUserArgv, inNetworkNamespace } from "../../../host/root/placed.ts";
import { isWithin, resolvePath } from "../../../base/paths.ts";
import {
  type InnerTools,
  type Isolation,
  plainDevices,
  type PrivateRoot,
  privateRootArgv,
  programDirectories,
} from "../../../host/confinement/private_root.ts";
import { namedPaths } from "../../../runner/named_paths.ts";
import type { Runner } from "../../../runner/mod.ts";
import { diskDirectory } from "../../../state/kept.ts";
import type { VmRecord } from "../../../state/record.ts";

/** Where a hypervisor on Linux runs: what it sees and what bounds it. */
export interface VmmPlace {
  /** Who makes its namespaces. */
  readonly isolation: Isolation;
  /** What it sees of the file system. */
  readonly root: PrivateRoot;
  /** What starts it there. */
  readonly tools: InnerTools;
  /** Absolute paths of disks outside of the machine's own directory, which the runner may make. */
  readonly disks: readonly string[];
  /** The network namespace of its slot. */
  readonly namespace: string;
  /** What it and the servers may take together. */
  readonly group: ControlGroup;
}

/** Where sockets are that a hypervisor makes or connects to; it sees no other of the machine's. */
export function vmmSockets(runtimeDirectory: string): string {
  return `${runtimeDirectory}/vmm`;
}

/**
 * What the hypervisor of a machine sees: programs, the devices and files that its command line names,
 * its sockets, its disks.
 *
 * @param runner As it is started.
 */
export function vmmRoot(
  runner: Runner,
  record: Pick<VmRecord, "runtimeDirectory" | "secretsDirectory" | "acceleration">,
  state: { readonly directory: string; readonly logs: string },
): PrivateRoot {
  const { runtimeDirectory, secretsDirectory, acceleration } = record;
  const disks = diskDirectory(state.directory);
  // Whole directories, since what is in them comes and goes while the machine runs.
  const directories = [disks, vmmSockets(runtimeDirectory)];
  const isShown = (path: string) =>
    [...directories, secretsDirectory, ...programDirectories].some((directory) =>
      isWithin(path, directory)
    );
  const readonlyDisks = runner.disks.filter((disk) => disk.readonly).map(({ path }) => path);
  const writableDisks = runner.disks.filter((disk) => !disk.readonly)
    .map(({ path }) => resolvePath(disks, path));
  const named = [...namedPaths(runner), ...readonlyDisks].filter((path) =>
    path.startsWith("/") && !isShown(path) && !writableDisks.includes(path)
  );
  const isDevice = (path: string) => isWithin(path, "/dev") || isWithin(path, "/sys");
  return {
    place: `${runtimeDirectory}/vmm.root`,
    readonly: unique([
      ...programDirectories,
      secretsDirectory,
      // The number of processors and their caches.
      "/sys/devices/system/cpu",
    ]),
    files: unique([
      `${runtimeDirectory}/microvm-run`,
      ...named.filter((path) => !isDevice(path) && path !== `${state.logs}/console.log`),
    ]),
    writable: unique([
      ...plainDevices,
      ...devicesOf(runner, acceleration),
      ...named.filter(isDevice),
      ...directories,
      `${state.logs}/console.log`,
      ...writableDisks.filter((path) => !isShown(path)),
    ]),
    cwd: disks,
  };
}

function devicesOf(runner: Runner, acceleration: VmRecord["acceleration"]): readonly string[] {
  const text = runner.script.argv.filter((word) => typeof word === "string").join(" ");
  return [
    ...(acceleration === "hardware" ? ["/dev/kvm"] : []),
    ...(runner.networks.some(({ kind }) => kind === "tap") ? ["/dev/net/tun"] : []),
    ...(/vhost=on|vhost_net/.test(text) ? ["/dev/vhost-net"] : []),
    ...(text.includes("vhost-vsock") ? ["/dev/vhost-vsock"] : []),
  ];
}

function unique(paths: readonly string[]): readonly string[] {
  return [...new Set(paths)];
}

/** Absolute paths of disks that the guest writes and that lie outside of the machine's own directory. */
export function otherDisks(runner: Runner): readonly string[] {
  return runner.disks.filter(({ path, readonly }) => !readonly && path.startsWith("/"))
    .map(({ path }) => path);
}

/** A root in which files can be made in other directories, too. */
export function withPlaces(root: PrivateRoot, directories: readonly string[]): PrivateRoot {
  return { ...root, writable: unique([...root.writable, ...directories]) };
}

/** What varies with the moment at which a hypervisor starts. */
export interface VmmStart {
  /** Puts a command behind what opens its log and tells its process id. */
  readonly recorded: (argv: readonly string[]) => readonly string[];
  /** The user's other groups. */
  readonly groups: readonly string[];
  /** Process ids that join its control group. */
  readonly servers: readonly number[];
}

/**
 * The command, root's, that starts a hypervisor in its place. Where users may make namespaces, root
 * only enters the network namespace and becomes the user, who does the rest.
 */
export function placedVmm(
  user: Pick<UserFacts, "uid" | "gid">,
  place: VmmPlace,
  argv: readonly string[],
  { recorded, groups, servers }: VmmStart,
): readonly string[] {
  const { isolation, root, tools, namespace, group } = place;
  const inRoot = recorded(privateRootArgv(root, isolation, user, groups, tools, argv));
  const asUser = isolation === "user-namespace" ? asUserArgv(user, groups) : [];
  return inControlGroup(group, servers, inNetworkNamespace(namespace, [...asUser, ...inRoot]));
}
