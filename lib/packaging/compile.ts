/**
 * `deno task compile`: makes one executable file in `dist/`.
 *
 * `deno compile` needs denort, which Deno downloads from its own site or takes from DENORT_BIN. Where
 * neither is to be had, the file is a self-extracting one: deno and the bundle, packed behind a shell
 * script that unpacks them once into the user's cache.
 */
import { run } from "../host/process.ts";
import { messageOf } from "../host/error.ts";
import { sha256 } from "../host/hash.ts";
import { makeBundle } from "./bundle.ts";

async function compile(root: string, output: string): Promise<void> {
  await run([
    ...[Deno.execPath(), "compile", "--quiet", "--no-prompt", "--allow-all"],
    ...["--include", "nix", "--include", "flake.nix", "--include", "flake.lock"],
    ...["--output", output, "main.ts"],
  ], { cwd: root });
}

/** The first part of the file; the archive begins after the line `__ARCHIVE__`. */
function extractor(hash: string): string {
  return `#!/bin/sh
# nixbox with deno, in one file: unpacked once into the cache, then run from there.
set -eu
cache=\${XDG_CACHE_HOME:-$HOME/.cache}/nixbox/program
home=$cache/${hash}
if [ ! -d "$home" ]; then
  mkdir -p "$cache"
  fresh=$(mktemp -d "$cache/unpack.XXXXXX")
  trap 'rm -rf "$fresh"' EXIT
  line=$(awk '/^__ARCHIVE__$/ { print NR + 1; exit }' "$0")
  tail -n "+$line" "$0" | tar -xzf - -C "$fresh"
  # Two may unpack at once: the first to move wins, and the other's copy goes.
  mv -T "$fresh" "$home" 2>/dev/null || [ -d "$home" ]
fi
NIXBOX_DENO=$home/deno exec "$home/nixbox/bin/nixbox" "$@"
__ARCHIVE__
`;
}

async function makeSelfExtracting(root: string, output: string): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await makeBundle(root, `${directory}/nixbox`);
    await Deno.copyFile(Deno.execPath(), `${directory}/deno`);
    const archive = `${directory}.tar.gz`;
    await run(["tar", "-czf", archive, "-C", directory, "deno", "nixbox"]);
    const bytes = await Deno.readFile(archive);
    await Deno.remove(archive);
    const head = new TextEncoder().encode(extractor((await sha256(bytes)).slice(0, 16)));
    await Deno.writeFile(output, head, { mode: 0o755 });
    await Deno.writeFile(output, bytes, { append: true });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

if (import.meta.main) {
  const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
  const output = `${root}/dist/nixbox-${Deno.build.target}`;
  await Deno.mkdir(`${root}/dist`, { recursive: true });
  try {
    await compile(root, output);
    console.log(`${output}: compiled`);
  } catch (error) {
    console.error(`no denort, which deno compile needs (${messageOf(error)}).`);
    console.error(
      "Set DENORT_BIN to one for a compiled file; making a self-extracting file instead.",
    );
    await makeSelfExtracting(root, output);
    console.log(`${output}: self-extracting`);
  }
}
