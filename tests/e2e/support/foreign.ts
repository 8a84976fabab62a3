import { parentOf } from "../../../lib/base/paths.ts";
import { type Finished, run } from "../../../lib/host/process/run.ts";
import { nixboxArgv } from "./machine.ts";

/** A file of a repository: its text, with the executable bit, or where a symlink leads. */
export type RepositoryFile = string | { readonly program: string } | { readonly link: string };

export type RepositoryFiles = Readonly<Record<string, RepositoryFile>>;

/** What would show that something of a stranger's was run. */
export const marker = "/var/tmp/stranger-ran";

/** What no stranger may see: in the user's home. */
export const homeSecret = "host-secret-that-no-stranger-reads";

const git = [
  "git",
  "-c",
  "user.name=a",
  "-c",
  "user.email=a@b.test",
  "-c",
  "init.defaultBranch=main",
];

/** A stranger's repository that was just cloned, and nixbox called in it. */
export class ForeignRepository {
  private constructor(public directory: string, private readonly parent: string) {}

  static async clone(files: RepositoryFiles): Promise<ForeignRepository> {
    const parent = await Deno.makeTempDir({ prefix: "foreign ", dir: "/var/tmp" });
    const origin = `${parent}/origin`;
    await Deno.mkdir(origin);
    await writeFiles(origin, files);
    await run([...git, "init", "-q"], { cwd: origin });
    await run([...git, "add", "-A", "-f"], { cwd: origin });
    await run([...git, "commit", "-q", "--allow-empty", "-m", "first"], { cwd: origin });
    const repository = new ForeignRepository(`${parent}/clone`, parent);
    await run([...git, "clone", "-q", origin, repository.directory]);
    return repository;
  }

  /** Commits on the stranger's side. */
  async push(files: RepositoryFiles): Promise<void> {
    const origin = `${this.parent}/origin`;
    await writeFiles(origin, files);
    await run([...git, "add", "-A", "-f"], { cwd: origin });
    await run([...git, "commit", "-q", "-m", "more"], { cwd: origin });
  }

  /** Moves the clone to another place beside its own. */
  async move(to: string): Promise<void> {
    const path = `${this.parent}/${to}`;
    await Deno.mkdir(parentOf(path), { recursive: true });
    await Deno.rename(this.directory, path);
    this.directory = path;
  }

  async git(...words: readonly string[]): Promise<void> {
    await run([...git, ...words], { cwd: this.directory });
  }

  /** Runs nixbox in it, without a terminal; any exit code is an answer. */
  async call(words: readonly string[], cwd = this.directory): Promise<Finished> {
    return await run(nixboxArgv(...words), { cwd, accept: "any", timeoutMs: 120_000 });
  }

  /** Runs nixbox on a terminal, and types. */
  async type(words: readonly string[], typed: string): Promise<Finished> {
    const line = nixboxArgv(...words).join(" ");
    return await run(["script", "-qec", line, "/dev/null"], {
      cwd: this.directory,
      stdin: typed,
      accept: "any",
      timeoutMs: 60_000,
    });
  }

  /** Writes files as the user, or a guest, would. */
  async write(files: RepositoryFiles): Promise<void> {
    await writeFiles(this.directory, files);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.call(["down", "--force"]);
    await Deno.remove(this.parent, { recursive: true });
  }
}

async function writeFiles(directory: string, files: RepositoryFiles): Promise<void> {
  for (const [name, file] of Object.entries(files)) {
    const path = `${directory}/${name}`;
    await Deno.mkdir(parentOf(path), { recursive: true });
    await Deno.remove(path).catch(() => {});
    if (typeof file === "string") await Deno.writeTextFile(path, file);
    else if ("link" in file) await Deno.symlink(file.link, path);
    else await Deno.writeTextFile(path, file.program, { mode: 0o755 });
  }
}

/** What of this host a stranger could have touched; two of them are compared. */
export async function hostState(): Promise<Readonly<Record<string, string>>> {
  const home = Deno.env.get("HOME") ?? "/root";
  const list = async (...argv: string[]) => (await run(argv, { accept: "any" })).stdout;
  return {
    marker: await list("ls", marker),
    names: await Deno.readTextFile("/lab/internet/dns.log").catch(() => ""),
    contacts: await Deno.readTextFile("/lab/internet/contacts.log").catch(() => ""),
    store: await list("ls", "/nix/store"),
    home: await list(
      "find",
      home,
      "-path",
      `${home}/.local`,
      "-prune",
      "-o",
      "-path",
      `${home}/.cache`,
      "-prune",
      "-o",
      "-type",
      "f",
      "-printf",
      "%p %s %T@\\n",
    ),
    machines: await list("find", `${home}/.local/state/nixbox/machines`, "-type", "f"),
    accepted: await list("find", `${home}/.local/state/nixbox/trust`, "-type", "f"),
  };
}
