/**
 * `deno task bundle`: makes `dist/nixbox`, a directory that runs from any place with only deno on
 * PATH: bin/nixbox, the code in lib/, in share/ nixbox's Nix files, completions and a manual page.
 *
 * Arguments: `[--esbuild PROGRAM] [DIRECTORY]`. With its own esbuild, it needs no network.
 */
import { hashTree } from "../lib/build/build_hash.ts";
import { removeIfExists } from "../lib/host/files/files.ts";
import { run } from "../lib/host/process/run.ts";
import { manPage } from "./man_page.ts";

export interface BundleOptions {
  /** An esbuild, in place of the one that `deno bundle` fetches. It wants `node_modules` in root. */
  readonly esbuild?: string;
}

const entryPoints = ["main.ts", "mod.ts"];

/** Makes the bundle of the source tree `root` in the directory `wanted`, which is emptied first. */
export async function makeBundle(
  root: string,
  wanted: string,
  options: BundleOptions = {},
): Promise<void> {
  await removeIfExists(wanted);
  await Deno.mkdir(`${wanted}/bin`, { recursive: true });
  // No program is run by a relative path (host/programs.ts).
  const directory = await Deno.realPath(wanted);
  const bundler = await bundlerArgv(root, options);
  await run([...bundler, `--outdir=${directory}/lib`, ...entryPoints], { cwd: root });
  await copyAssets(root, `${directory}/share/nixbox`);
  await noteIdentity(directory);
  const launcher = await Deno.readTextFile(`${root}/packaging/launcher.sh`);
  const safePath = await Deno.readTextFile(`${root}/packaging/safe_path.sh`);
  await Deno.writeTextFile(
    `${directory}/bin/nixbox`,
    launcher.replace("#!/bin/sh\n", (first) => `${first}${safePath}`),
  );
  await Deno.chmod(`${directory}/bin/nixbox`, 0o755);
  await writeDocumentation(directory);
}

/** One file would load every command's code and Node modules at once; chunks keep that lazy. */
async function bundlerArgv(root: string, { esbuild }: BundleOptions): Promise<string[]> {
  if (esbuild === undefined) {
    const options = ["--quiet", "--minify", "--code-splitting", "--platform=deno"];
    return [Deno.execPath(), "bundle", ...options];
  }
  const options = ["--bundle", "--splitting", "--minify", "--log-level=warning"];
  // It knows packages by the names that they have in node_modules.
  const aliases = (await npmPackages(root)).map(({ name, address }) =>
    `--alias:${address}=${name}`
  );
  return [esbuild, ...options, ...aliases, "--format=esm", "--platform=node"];
}

/** What deno.json says of npm's packages: the name to import each by, and its address with version. */
export async function npmPackages(
  root: string,
): Promise<readonly { readonly name: string; readonly address: string }[]> {
  const settings: unknown = JSON.parse(await Deno.readTextFile(`${root}/deno.json`));
  const imports = isObject(settings) && "imports" in settings ? settings.imports : {};
  return Object.entries(isObject(imports) ? imports : {}).flatMap(([name, address]) =>
    typeof address === "string" && address.startsWith("npm:") ? [{ name, address }] : []
  );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

async function copyAssets(root: string, share: string): Promise<void> {
  await Deno.mkdir(share, { recursive: true });
  for (const name of ["flake.nix", "flake.lock", "nix"]) {
    await run(["cp", "-R", `${root}/${name}`, `${share}/${name}`]);
  }
  // For plugins' commands in TypeScript, which import the library by this name.
  const settings = { imports: { nixbox: "../../lib/mod.js" } };
  await Deno.writeTextFile(`${share}/deno.json`, `${JSON.stringify(settings)}\n`);
}

/** By this a compiled program knows whether it has been unpacked already. */
async function noteIdentity(directory: string): Promise<void> {
  const id = (await hashTree(directory)).slice(0, 16);
  await Deno.writeTextFile(`${directory}/share/nixbox/build-id`, `${id}\n`);
}

/** Completions and the manual page are what the bundled program itself says. */
async function writeDocumentation(directory: string): Promise<void> {
  const env = { NIXBOX_DENO: Deno.execPath(), NO_COLOR: "1" };
  const say = async (...words: string[]) =>
    (await run([`${directory}/bin/nixbox`, ...words], { env })).stdout;
  const completions = `${directory}/share/completions`;
  await Deno.mkdir(completions);
  const files = { bash: "nixbox.bash", zsh: "_nixbox", fish: "nixbox.fish" };
  for (const [shell, file] of Object.entries(files)) {
    await Deno.writeTextFile(`${completions}/${file}`, await say("completions", shell));
  }
  const version = (await say("--version")).trim().replace("nixbox ", "");
  const whole = await say("--help");
  const helps = await Promise.all(
    commandNames(whole).map(async (command) => ({ command, help: await say(command, "--help") })),
  );
  await Deno.mkdir(`${directory}/share/man/man1`, { recursive: true });
  await Deno.writeTextFile(
    `${directory}/share/man/man1/nixbox.1`,
    manPage(version, whole, helps),
  );
}

/** The names in the list of commands that `nixbox --help` has. */
export function commandNames(help: string): string[] {
  const list = help.split("\nCOMMANDS\n")[1] ?? "";
  return list.split("\n").flatMap((line) => /^ {4}([a-z][a-z-]*) {2}/.exec(line)?.[1] ?? []);
}

if (import.meta.main) {
  const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  const words = [...Deno.args];
  const at = words.indexOf("--esbuild");
  const [, esbuild] = at < 0 ? [] : words.splice(at, 2);
  const directory = words[0] ?? `${root}/dist/nixbox`;
  await makeBundle(root, directory, esbuild === undefined ? {} : { esbuild });
  console.log(`${directory}/bin/nixbox`);
}
