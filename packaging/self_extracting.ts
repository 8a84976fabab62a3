import { sha256 } from "../lib/base/hash.ts";
import { run } from "../lib/host/process/run.ts";

/** The line after which the archive begins. */
const mark = "__ARCHIVE__";

/**
 * The first part of the file. Two may unpack at once: the link to what is unpacked is made by one
 * system call, so the first wins, and the other's copy goes. Written for sh, and for both GNU's and
 * macOS' programs.
 */
async function extractor(hash: string): Promise<string> {
  const safePath = await Deno.readTextFile(new URL("./safe_path.sh", import.meta.url));
  return `#!/bin/sh
${safePath}# nixbox with deno, in one file: unpacked once into the cache, then run from there.
set -eu
cache=\${XDG_CACHE_HOME:-$HOME/.cache}/nixbox/program
home=$cache/${hash}
if [ ! -d "$home/" ]; then
  mkdir -p "$cache"
  fresh=$(mktemp -d "$cache/unpacked.XXXXXX")
  trap 'rm -rf "$fresh"' EXIT
  trap 'exit 1' HUP INT TERM
  line=$(awk '/^${mark}$/ { print NR + 1; exit }' "$0")
  tail -n "+$line" "$0" | tar -xzf - -C "$fresh"
  if ln -sn "\${fresh##*/}" "$home" 2>/dev/null; then
    trap - EXIT
  else
    rm -rf "$fresh"
  fi
  if [ ! -d "$home/" ]; then
    echo "nixbox: $home leads nowhere; remove $cache and start again" >&2
    exit 1
  fi
fi
NIXBOX_DENO=$home/deno exec "$home/nixbox/bin/nixbox" "$@"
${mark}
`;
}

/**
 * Writes one executable file with deno and a bundle in it. It needs a shell, awk, tar and gzip.
 *
 * @param deno A deno for the system that the file is for.
 */
export async function makeSelfExtracting(
  bundle: string,
  deno: string,
  output: string,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "nixbox-pack-" });
  try {
    const archive = `${directory}/archive.tar.gz`;
    await Deno.mkdir(`${directory}/files`);
    await run(["cp", "-R", bundle, `${directory}/files/nixbox`]);
    await run(["cp", "-L", deno, `${directory}/files/deno`]);
    await run(["tar", "-czf", archive, "-C", `${directory}/files`, "deno", "nixbox"]);
    const bytes = await Deno.readFile(archive);
    const head = new TextEncoder().encode(await extractor((await sha256(bytes)).slice(0, 16)));
    await Deno.writeFile(output, head, { mode: 0o755 });
    await Deno.writeFile(output, bytes, { append: true });
    await Deno.chmod(output, 0o755);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
