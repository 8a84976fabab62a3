import { run } from "../../lib/host/process.ts";

/** The Debian release that the lab's roots are made of. */
export const suite = "trixie";

/**
 * Makes a Debian root with the given packages, from the machine's own sources for Debian, with
 * only the release changed.
 */
export async function makeDebianRoot(root: string, packages: readonly string[]): Promise<void> {
  await installHere(["mmdebstrap"]);
  const sources = await suiteSources();
  const file = await Deno.makeTempFile({ suffix: ".sources" });
  try {
    await Deno.writeTextFile(file, sources);
    await run([
      "mmdebstrap",
      "--mode=root",
      "--variant=minbase",
      `--include=${packages.join(",")}`,
      suite,
      root,
      file,
    ]);
  } finally {
    await Deno.remove(file);
  }
}

/** Installs packages on this machine, where they are missing. */
export async function installHere(packages: readonly string[]): Promise<void> {
  const { stdout } = await run(["dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n"]);
  const present = new Set(
    stdout.split("\n").filter((line) => line.endsWith(" installed"))
      .map((line) => line.slice(0, line.indexOf(" "))),
  );
  const missing = packages.filter((name) => !present.has(name));
  if (missing.length === 0) return;
  console.error(`lab: installing ${missing.join(" ")}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await run(["apt-get", "update", "-qq"], { accept: "any" });
  await run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", ...missing], { env });
}

/** The machine's own sources for Debian, for another release: other software's stay out. */
async function suiteSources(): Promise<string> {
  const files = ["/etc/apt/sources.list"];
  for await (const entry of Deno.readDir("/etc/apt/sources.list.d")) {
    files.push(`/etc/apt/sources.list.d/${entry.name}`);
  }
  const found: string[] = [];
  for (const file of files.sort()) {
    const text = await Deno.readTextFile(file).catch(() => "");
    if (file.endsWith(".sources")) found.push(...rewriteDeb822(text));
    else found.push(...rewriteOneLine(text));
  }
  if (found.length === 0) {
    throw new Error("this machine has no apt sources for Debian, from which the lab is made");
  }
  return found.join("\n\n") + "\n";
}

const releases = "bookworm|trixie";

/** Stanzas of deb822-style sources (sources.list(5)) that are Debian's own, for `suite`. */
export function rewriteDeb822(text: string): string[] {
  return text.split(/\n\s*\n/)
    .map((stanza) => stanza.split("\n").filter((line) => !line.startsWith("#")).join("\n").trim())
    .filter((stanza) => new RegExp(`^Suites:\\s*(${releases})`, "m").test(stanza))
    .map((stanza) =>
      stanza.replace(
        /^Suites:.*$/m,
        (line) => line.replace(new RegExp(releases, "g"), suite),
      )
    );
}

/** Lines of one-line-style sources that are Debian's own, as deb822 stanzas for `suite`. */
export function rewriteOneLine(text: string): string[] {
  const pattern = new RegExp(
    `^deb\\s+(?:\\[([^\\]]*)\\]\\s+)?(\\S+)\\s+(${releases})(\\S*)\\s+(.+)$`,
  );
  return text.split("\n").flatMap((line) => {
    const match = pattern.exec(line.trim());
    if (match === null) return [];
    const [, options = "", uri, , pocket = "", components] = match;
    const signedBy = /signed-by=(\S+)/.exec(options)?.[1];
    return [
      [
        "Types: deb",
        `URIs: ${uri}`,
        `Suites: ${suite}${pocket}`,
        `Components: ${components}`,
        ...(signedBy === undefined ? [] : [`Signed-By: ${signedBy}`]),
      ].join("\n"),
    ];
  });
}
