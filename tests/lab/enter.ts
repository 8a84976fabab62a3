import { messageOf, NixboxError } from "../../lib/base/error.ts";
import { exists } from "../../lib/host/files/files.ts";
import { run } from "../../lib/host/process/run.ts";
import { cached, cacheDirectory, type Report } from "./cache.ts";
import { guestImages } from "./guest_images.ts";
import { runFiles } from "./run_files.ts";
import { testRoot } from "./test_root.ts";

const here = new URL(".", import.meta.url).pathname;

export type LabUser = "root" | "dev";

export interface EnterOptions {
  readonly user?: LabUser;
  /** More variables for the command. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Directories on this machine that a run of the lab is made of. */
export interface Lab {
  readonly cache: string;
  /** The file system of the machine under test, never written to. */
  readonly root: string;
  /** Kernel and disks of the guests. */
  readonly images: string;
  /** Runners, initrd, tables of the closed internet. */
  readonly files: string;
}

function tell(line: string): void {
  console.error(`lab: ${line}`);
}

/**
 * Makes what is not in the cache yet: minutes the first time, milliseconds then.
 *
 * @throws {NixboxError} if this is not root, or Debian's packages cannot be had.
 */
export async function prepareLab(report: Report = tell): Promise<Lab> {
  if (Deno.uid() !== 0) {
    throw new NixboxError("the lab needs root: it makes mounts and network namespaces");
  }
  const cache = cacheDirectory((name) => Deno.env.get(name));
  // One after the other: each takes apt's lists and both cores.
  const root = await cached(cache, testRoot, report);
  const images = await cached(cache, await guestImages(), report);
  const files = await cached(cache, await runFiles(images), report);
  return { cache, root, images, files };
}

/**
 * Runs a command in a fresh run of the lab with this process's stdin, stdout, stderr and terminal,
 * building first what is missing; gives its exit code. The run dies with this process.
 */
export async function enterLab(
  command: readonly string[],
  options: EnterOptions = {},
): Promise<number> {
  const lab = await prepareLab();
  await loadDependencies();
  const places = await placesOf(lab);
  await Deno.mkdir(places.LAB_MOUNTPOINT, { recursive: true });
  const child = new Deno.Command("setpriv", {
    args: [
      ...["--pdeathsig", "KILL", "unshare", "--fork", "--kill-child"],
      ...["--mount", "--propagation", "private", "--pid", "--net", "--uts", "--ipc"],
      ...["bash", `${here}inside/mount.sh`, options.user ?? "root", ...command],
    ],
    clearEnv: true,
    env: { ...keptEnvironment(), ...options.env, ...places },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  const stopListening = endOnSignals(child);
  const { code } = await child.status;
  stopListening();
  return code;
}

/** There is no network in the lab, so what it runs is loaded here. */
async function loadDependencies(): Promise<void> {
  const entrypoints = ["main.ts", "mod.ts", "tests/imports.ts"];
  const install = ["install", "--quiet", "--frozen", "--entrypoint", ...entrypoints];
  await run([Deno.execPath(), ...install], { cwd: `${here}../..` });
}

async function placesOf(lab: Lab) {
  const project = await Deno.realPath(`${here}../..`);
  // What some checks use where it lies beside the project.
  const beside = `${project}/../shared`;
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LAB_MOUNTPOINT: `${lab.cache}/mnt`,
    LAB_ROOT: lab.root,
    LAB_IMAGES: lab.images,
    LAB_FILES: lab.files,
    LAB_PROJECT: project,
    LAB_SHARED: await exists(beside) ? beside : "",
    LAB_DENO: Deno.execPath(),
    LAB_DENO_DIR: await denoDirectory(),
  };
}

const keptVariables = [
  ...["TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "LAB_TRACE", "NIXBOX_UNDER_TEST"],
];

function keptEnvironment(): Record<string, string> {
  return Object.fromEntries(keptVariables.flatMap((name): [string, string][] => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}

/** Where Deno keeps its caches, which a run without a network lives on. */
async function denoDirectory(): Promise<string> {
  const { stdout } = await run([Deno.execPath(), "info", "--json"]);
  const info: unknown = JSON.parse(stdout);
  if (typeof info === "object" && info !== null && "denoDir" in info) return String(info.denoDir);
  throw new NixboxError("`deno info` does not say where Deno's cache is");
}

function endOnSignals(child: Deno.ChildProcess): () => void {
  const kill = () => child.kill("SIGKILL");
  // From a terminal the command inside gets it too, and decides.
  const interrupt = Deno.stdin.isTerminal() ? () => {} : kill;
  const listeners = [["SIGINT", interrupt], ["SIGTERM", kill], ["SIGHUP", kill]] as const;
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return () => {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  };
}

/** `[--user root|dev] [--] [COMMAND ARGUMENTS...]`; the command `shell` is an interactive shell. */
export function parseArguments(
  args: readonly string[],
): { readonly user: LabUser; readonly command: readonly string[] } {
  const words = [...args];
  let user: LabUser = "root";
  while (words[0] === "--user") {
    const [, name = ""] = words.splice(0, 2);
    if (name !== "root" && name !== "dev") {
      throw new NixboxError(`the lab has no user "${name}"`, { hint: "root or dev", exitCode: 2 });
    }
    user = name;
  }
  if (words[0] === "--") words.shift();
  return { user, command: words.length === 1 && words[0] === "shell" ? ["bash", "-l"] : words };
}

/** Runs a program of the lab to its exit, with errors as a person wants them. */
export async function exitWith(main: () => Promise<number>): Promise<never> {
  try {
    Deno.exit(await main());
  } catch (error) {
    if (!(error instanceof NixboxError)) throw error;
    tell(messageOf(error));
    for (const line of error.log) console.error(`  ${line}`);
    if (error.hint !== undefined) console.error(`hint: ${error.hint}`);
    Deno.exit(error.exitCode);
  }
}

/** Runs what the arguments say; without a command, builds what is missing. Gives the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const { user, command } = parseArguments(args);
  if (command.length > 0) return await enterLab(command, { user });
  await prepareLab();
  tell("ready; go in with `deno task lab shell` or `deno task lab -- COMMAND`");
  return 0;
}

if (import.meta.main) await exitWith(() => main(Deno.args));
