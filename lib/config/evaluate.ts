import * as z from "../base/zod.ts";
import { assetsDirectory } from "../host/assets.ts";
import { messageOf, NixboxError } from "../base/error.ts";
import type { Host } from "../host/host.ts";
import { nixMessage } from "../host/nix/nix_message.ts";
import { CommandError, run } from "../host/process/run.ts";
import { installHint } from "../host/tools.ts";
import { configFacts } from "./facts.ts";
import { canBeRoot, sandboxedArgv } from "./sandbox.ts";
import type { Project } from "./config.ts";

/** A plugin that is named and was not among the files that the evaluation had. */
export interface MissingPlugin {
  /** As the config names it. */
  readonly name: string;
  /** Absolute path; `null` for a name, which can only be a built-in plugin's. */
  readonly path: string | null;
}

/** What nix/resolve.nix says of a config. */
export interface Resolution {
  readonly missing: readonly MissingPlugin[];
  readonly builtInNames: readonly string[];
  /** The resolved config, unchecked; `null` while a plugin is missing. */
  readonly resolved: unknown;
}

const resolutionSchema = z.object({
  missing: z.array(z.object({ name: z.string(), path: z.nullable(z.string()) })),
  builtInNames: z.array(z.string()),
  resolved: z.unknown(),
});

/** How an evaluation is done. */
export interface EvaluateOptions {
  /**
   * A private copy of the project's files, at their absolute paths below it. Where the kernel lets
   * users make namespaces it becomes the root of what Nix sees, so directories may be added to it.
   */
  readonly files: string;
  readonly signal?: AbortSignal;
}

/** A config of any size takes Nix milliseconds; one without an end is stopped. */
const timeoutMs = 30_000;

/** What a resolved config comes to, at the very most, in characters. */
const mostOutput = 4 << 20;

/**
 * Resolves a project's config by nix/resolve.nix. Nix can read the given copy, the Nix store and
 * nixbox's own nix/ and nothing else; it builds nothing, and has no network.
 *
 * @throws {NixboxError} with Nix's own message.
 */
export async function resolveConfig(
  host: Host,
  project: Project,
  options: EvaluateOptions,
): Promise<Resolution> {
  const { argv, root } = await command(host, project, options);
  try {
    const { stdout } = await run(argv, {
      cwd: "/",
      // Nothing of the caller's settings widens what may be read.
      env: { NIX_PATH: "", NIX_CONFIG: "", NIX_USER_CONF_FILES: "/dev/null" },
      timeoutMs,
      mostOutput,
      isApart: true,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    return resolutionSchema.parse(JSON.parse(withOriginalPaths(stdout, root)));
  } catch (error) {
    if (error instanceof CommandError) throw nixError(error, project.configFile, root);
    throw error;
  }
}

async function command(
  host: Host,
  project: Project,
  { files }: EvaluateOptions,
): Promise<{ argv: readonly string[]; root: string }> {
  const program = await host.which("nix");
  if (program === undefined) {
    throw new NixboxError("nix is not installed, and the config is written in Nix", {
      hint: `${await installHint(["nix"])}, or see nixos.org/download`,
    });
  }
  const nix = `${await Deno.realPath(await assetsDirectory())}/nix`;
  const tops = await Array.fromAsync(Deno.readDir(files), ({ name }) => name);
  const isSandboxed = canBeRoot(tops) && await host.userNamespaces();
  const root = isSandboxed ? "" : files;
  const readable = [nix, ...(isSandboxed ? tops.map((name) => `/${name}`) : [files])];
  const args = [
    ...["eval", "--json", "--impure", "--offline"],
    // Without a store: nothing of a config goes there before it is built.
    ...["--read-only", "--store", "dummy://"],
    // Flakes off: `getFlake` and `fetchTree` would read any directory.
    ...setting("experimental-features", "nix-command"),
    ...setting("restrict-eval", "true"),
    ...setting("allow-import-from-derivation", "false"),
    ...setting("allowed-uris", ""),
    ...setting("nix-path", ""),
    ...readable.flatMap((path, index) => ["-I", `readable${index}=${path}`]),
    ...["-I", "store=/nix/store"],
    ...["--file", `${nix}/resolve.nix`, "answer"],
    ...["--argstr", "configFile", project.configFile],
    ...["--argstr", "root", root],
    ...["--argstr", "pluginsDir", `${nix}/plugins`],
    ...["--argstr", "facts", JSON.stringify(configFacts(host, project))],
  ];
  if (!isSandboxed) return { argv: [program, ...args], root };
  const place = { files, nix, program: await Deno.realPath(program) };
  const chroot = await host.which("chroot") ?? "chroot";
  return { argv: await sandboxedArgv(chroot, place, args), root };
}

function setting(name: string, value: string): readonly string[] {
  return ["--option", name, value];
}

/** The copy's place has a random name, so that nothing else can be meant. */
function withOriginalPaths(text: string, root: string): string {
  return root === "" ? text : text.replaceAll(root, "");
}

/** Nix's own words, from its last "error:" on: what stands before is the way there. */
function nixError(error: CommandError, configFile: string, root: string): NixboxError {
  const text = withOriginalPaths(error.stderr, root);
  const [first, ...others] = nixMessage(text);
  const isKeptOut =
    /is forbidden in restricted mode|access to URI|\.drv' is not valid|import-from-derivation/
      .test(text);
  return new NixboxError(`the config does not evaluate: ${first ?? messageOf(error)}`, {
    where: configFile,
    hint: isKeptOut
      ? "a config reads the project's files that it names by a path (./x), Nix files elsewhere, and " +
        "nothing else: no network, no build"
      : "fix the config; Nix's message is above",
    log: others,
  });
}
