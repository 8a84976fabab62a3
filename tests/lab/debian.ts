import { NixboxError } from "../../lib/base/error.ts";
import { removeIfExists } from "../../lib/host/files/files.ts";
import { run } from "../../lib/host/process/run.ts";

/** The release that the test root and the guests are made of. */
const release = "trixie";
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Trees that nobody reads in a test root. */
const leftOut = [
  "/usr/share/doc/*",
  "/usr/share/man/*",
  "/usr/share/locale/*",
  "/usr/share/info/*",
];

export interface TreeFile {
  readonly text: string;
  readonly mode?: number;
}

export interface DebianTree {
  readonly packages: readonly string[];
  /** Files to put into the tree, by their absolute path there. */
  readonly files: Readonly<Record<string, TreeFile>>;
  /** Shell commands that run in the tree at the end: fixed texts, no data. */
  readonly commands: readonly string[];
}

/** Goes into the definition of whatever is made by `makeDebianTree`: grows when that changes. */
export const debianTreeVersion = "1";

/**
 * Makes a Debian system in an empty directory: minimal, plus the packages, files and commands.
 *
 * @throws {NixboxError} if this machine has no Debian package sources to derive from.
 */
export async function makeDebianTree(directory: string, tree: DebianTree): Promise<void> {
  await installHere(["mmdebstrap", "e2fsprogs"]);
  const sources = await Deno.makeTempFile({ prefix: "nixbox-lab-", suffix: ".sources" });
  try {
    await Deno.writeTextFile(sources, await debianSources());
    // apt reads it as its own user.
    await Deno.chmod(sources, 0o644);
    const options = [
      ...["--variant=minbase", "--mode=root", "--format=directory", "--quiet"],
      ...await proxyOptions(),
      ...leftOut.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
      `--include=${tree.packages.join(",")}`,
    ];
    await run(["mmdebstrap", ...options, release, directory, sources], {
      env: { DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" },
    });
  } finally {
    await Deno.remove(sources);
  }
  for (const [path, file] of Object.entries(tree.files)) await writeFile(directory + path, file);
  for (const command of tree.commands) await run(["chroot", directory, "sh", "-ec", command]);
}

async function writeFile(path: string, { text, mode = 0o644 }: TreeFile): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o755 });
  // A symlink there would lead out of the tree.
  await removeIfExists(path);
  await Deno.writeTextFile(path, text);
  await Deno.chmod(path, mode);
}

/** Installs Debian packages on this machine, those that are missing. */
export async function installHere(packages: readonly string[]): Promise<void> {
  const { stdout } = await run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"]);
  const installed = new Set(stdout.split("\n"));
  const missing = packages.filter((name) => !installed.has(`${name} installed`));
  if (missing.length === 0) return;
  await updateLists();
  await run(["apt-get", "install", "-y", "--no-install-recommends", ...missing], {
    env: { DEBIAN_FRONTEND: "noninteractive" },
  });
}

/** A package source of someone else's that is out of order does not matter here. */
async function updateLists(): Promise<void> {
  await run(["apt-get", "update"], { accept: "any" });
}

/**
 * This machine's own Debian sources, for the release of the lab. apt itself says which of its
 * sources are Debian's (the Origin in their Release file), once it has their lists.
 */
async function debianSources(): Promise<string> {
  let sources = await readSources();
  if (sources.length === 0) {
    await updateLists();
    sources = await readSources();
  }
  if (sources.length === 0) {
    throw new NixboxError("this machine's apt has no source of Debian packages", {
      hint: "the lab is made of Debian packages: run it on Debian, or add a Debian source to apt",
    });
  }
  const stanzas = sources.map(({ uri, suite, component }) =>
    [
      "Types: deb",
      `URIs: ${uri}`,
      `Suites: ${suite}`,
      `Components: ${component}`,
      `Signed-By: ${keyring}`,
    ].join("\n")
  );
  return `${[...new Set(stanzas)].join("\n\n")}\n`;
}

interface Source {
  readonly uri: string;
  readonly suite: string;
  readonly component: string;
}

async function readSources(): Promise<Source[]> {
  const { stdout } = await run([
    ...["apt-get", "indextargets", "--format"],
    "$(ORIGIN)|$(COMPONENT)|$(RELEASE)|$(REPO_URI)",
    "Created-By: Packages",
  ]);
  return parseIndexTargets(stdout);
}

/** Lines of `ORIGIN|COMPONENT|RELEASE|URI`; what is Debian's, with its suites renamed. */
export function parseIndexTargets(text: string): Source[] {
  return text.split("\n").flatMap((line) => {
    const [origin, component, suite, ...uri] = line.split("|");
    if (origin !== "Debian" || component !== "main" || suite === undefined) return [];
    const renamed = /^[a-z]+(-updates|-security)?$/.exec(suite);
    if (renamed === null) return [];
    return [{ uri: uri.join("|"), component, suite: `${release}${renamed[1] ?? ""}` }];
  });
}

/** mmdebstrap does not read this machine's apt configuration, which may name a proxy. */
async function proxyOptions(): Promise<string[]> {
  const { stdout } = await run(["apt-config", "dump", "--format", "%f %v%n"]);
  return stdout.split("\n").flatMap((line) => {
    const found = /^(Acquire::https?::Proxy) (\S+)$/i.exec(line);
    return found === null ? [] : [`--aptopt=${found[1]} "${found[2]}"`];
  });
}
