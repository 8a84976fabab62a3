/**
 * `deno task compile`: makes one executable file in `dist/` that needs nothing else: deno and the
 * bundle, packed behind a shell script that unpacks them once into the user's cache.
 *
 * `deno compile` itself needs denort, which Deno downloads from its own site only, and embeds files
 * where Nix cannot read them.
 */
import { run } from "../host/process.ts";
import { sha256 } from "../host/hash.ts";
import { makeBundle } from "./bundle.ts";

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
  await makeSelfExtracting(root, output);
  console.log(output);
}
