/**
 * Runs a command in the lab: `deno run -A tests/lab/enter.ts [--user dev] -- CMD ARGS...`. Builds
 * what is missing first. Needs root on Debian.
 */
import { run } from "../../lib/host/process.ts";
import { guestImage } from "./guest_image.ts";
import { names, resolverAddress } from "./internet/names.ts";
import { writeRunners } from "./runners.ts";
import { testRoot } from "./test_root.ts";

export interface EnterOptions {
  readonly user?: "root" | "dev";
}

/** Runs a command in a fresh run of the lab with this process's terminal; gives its exit code. */
export async function enterLab(
  argv: readonly string[],
  options: EnterOptions = {},
): Promise<number> {
  if (Deno.uid() !== 0) throw new Error("the lab needs root: it makes namespaces and mounts");
  await loadDependencies();
  const root = await testRoot();
  const image = await guestImage();
  const lab = await Deno.makeTempDir({ prefix: "nixbox-lab-" });
  const stay = () => {};
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stay);
  try {
    const guest = image.disk.slice(0, image.disk.lastIndexOf("/"));
    const inLab = (path: string) => `/lab/guest${path.slice(guest.length)}`;
    await writeRunners(`${lab}/seen`, {
      kernel: inLab(image.kernel),
      initrd: inLab(image.initrd),
      disk: inLab(image.disk),
    });
    await writeInternet(`${lab}/seen/internet`);
    return await enter(lab, root, guest, argv, options.user ?? "root");
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(signal, stay);
    await Deno.remove(lab, { recursive: true });
  }
}

async function enter(
  lab: string,
  root: string,
  guest: string,
  argv: readonly string[],
  user: "root" | "dev",
): Promise<number> {
  const here = new URL(".", import.meta.url).pathname;
  const child = new Deno.Command("unshare", {
    args: [
      ...["--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"],
      ...["sh", `${here}enter.sh`, ...argv],
    ],
    env: {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      TERM: Deno.env.get("TERM") ?? "dumb",
      ROOT: root,
      SOURCE: await Deno.realPath(`${here}../..`),
      LAB: lab,
      GUEST: guest,
      DENO: Deno.execPath(),
      DENO_CACHE: await denoCache(),
      LAB_USER: user,
    },
    clearEnv: true,
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  return (await child.status).code;
}

/** There is no network in the lab, so what it runs is loaded here. */
async function loadDependencies(): Promise<void> {
  const here = new URL("../..", import.meta.url).pathname;
  await run([
    Deno.execPath(),
    "install",
    "--quiet",
    "--frozen",
    "--entrypoint",
    "main.ts",
    "mod.ts",
    "tests/imports.ts",
  ], { cwd: here });
}

async function denoCache(): Promise<string> {
  const { stdout } = await run([Deno.execPath(), "info", "--json"]);
  const info: unknown = JSON.parse(stdout);
  if (typeof info === "object" && info !== null && "denoDir" in info) return String(info.denoDir);
  throw new Error("deno does not say where its cache is");
}

async function writeInternet(directory: string): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  const addresses = [resolverAddress, ...names.map(({ address }) => address)];
  const config = [
    "no-resolv",
    "no-hosts",
    "bind-interfaces",
    `listen-address=${resolverAddress}`,
    "log-queries",
    `log-facility=/lab/internet/dns.log`,
    "pid-file=/run/internet-dnsmasq.pid",
    ...names.map(({ name, address }) => `host-record=${name},${address}`),
    "",
  ];
  await Deno.writeTextFile(`${directory}/addresses`, [...new Set(addresses)].join("\n") + "\n");
  await Deno.writeTextFile(`${directory}/dnsmasq.conf`, config.join("\n"));
}

if (import.meta.main) {
  const words = [...Deno.args];
  const user = words[0] === "--user" ? words.splice(0, 2)[1] : "root";
  if (words[0] === "--") words.shift();
  if ((user !== "root" && user !== "dev") || words.length === 0) {
    console.error("usage: enter.ts [--user root|dev] -- CMD ARGS...");
    Deno.exit(2);
  }
  Deno.exit(await enterLab(words, { user }));
}
