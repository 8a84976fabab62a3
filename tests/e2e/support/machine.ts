import { parentOf } from "../../../lib/base/paths.ts";
import { type Finished, run } from "../../../lib/host/process/run.ts";
import { waitFor } from "../../../lib/base/wait.ts";

/** How nixbox is started: from source unless the environment names another form of it. */
const program = (Deno.env.get("NIXBOX_UNDER_TEST") ??
  "deno run --quiet --no-prompt --cached-only --allow-all /src/main.ts").split(" ");

/** nixbox as on a Mac, on stand-ins for macOS' programs and vfkit (tests/stand_in/macos). */
export const onMac: readonly string[] = [
  "env",
  "PATH=/src/tests/stand_in/macos/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  ...["deno", "run", "--quiet", "--no-prompt", "--cached-only", "--allow-all"],
  "/src/tests/stand_in/macos/main.ts",
];

/** The command line of a call, for tests that start it themselves. */
export function nixboxArgv(...words: string[]): string[] {
  return [...program, ...words];
}

/** Commands that use no config, and so need no consent. */
const withoutConfig: ReadonlySet<string> = new Set([
  ...["init", "down", "shell", "run", "cp", "mount", "unmount", "status", "ssh-config", "logs"],
  ...["network", "trust", "doctor", "setup", "completions", "complete", "plugin"],
]);

export interface CallOptions {
  /** The config was not accepted, as a stranger's is not: else it is, as it is by then. */
  readonly isUnread?: boolean;
  readonly stdin?: string;
  readonly env?: Record<string, string>;
  readonly timeoutMs?: number;
  readonly cwd?: string;
}

/** A nixbox that runs beside the test. */
export class StartedCall {
  readonly ended: Promise<Deno.CommandStatus>;
  #stderr = "";

  constructor(private readonly child: Deno.ChildProcess) {
    const reading = this.#read();
    this.ended = child.status.then(async (status) => {
      await reading;
      return status;
    });
  }

  /** Waits until it has said something to standard error. */
  async untilItSays(text: string): Promise<void> {
    const said = () => Promise.resolve(this.#stderr.includes(text) ? true : undefined);
    if (await waitFor(said, { timeoutMs: 120_000 })) return;
    throw new Error(`it never said "${text}":\n${this.#stderr}`);
  }

  kill(signal: Deno.Signal): void {
    this.child.kill(signal);
  }

  async #read(): Promise<void> {
    for await (const text of this.child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#stderr += text;
    }
  }
}

/** A new project directory for one test, and nixbox called in it. */
export class TestProject {
  #accepted = "";

  private constructor(readonly directory: string, private readonly program: readonly string[]) {}

  /** Makes a project; `config` is the inside of an attribute set, added to a small machine. */
  static async make(
    config = "",
    name = "box",
    nixbox: readonly string[] = program,
  ): Promise<TestProject> {
    // vfkit takes no blank in a path; where nothing is against one, each test has one.
    const prefix = nixbox === onMac ? "nixbox-e2e-" : "nixbox e2e ";
    const parent = await Deno.makeTempDir({ prefix, dir: "/var/tmp" });
    await Deno.chmod(parent, 0o755);
    const directory = `${parent}/${name}`;
    await Deno.mkdir(`${directory}/.nixbox`, { recursive: true });
    const project = new TestProject(directory, nixbox);
    await project.configure(config);
    return project;
  }

  async configure(config: string, memoryMB = 1024): Promise<void> {
    const small = `resources = { vcpus = 2; memoryMB = ${memoryMB}; };`;
    await this.writeConfig(`{\n  ${small}\n  ${config}\n}\n`);
  }

  async writeConfig(text: string): Promise<void> {
    await Deno.writeTextFile(`${this.directory}/.nixbox/config.nix`, text);
  }

  /** Runs nixbox in the project, whose config is accepted first; any exit code is an answer. */
  async call(words: readonly string[], options: CallOptions = {}): Promise<Finished> {
    const command = words.find((word) => !word.startsWith("-")) ?? "";
    if (!withoutConfig.has(command) && !options.isUnread) await this.accept(options);
    return await this.#call(words, options);
  }

  /** Accepts the config as it is, unless nothing has changed; one that is wrong cannot be. */
  async accept(options: CallOptions = {}): Promise<void> {
    const { stdin: _, ...rest } = options;
    const look = ["find", this.directory, "-name", ".git", "-prune", "-o", "-type", "f,l"];
    const { stdout } = await run([...look, "-printf", "%p %s %T@ %C@ %m %l\\n"], { accept: "any" });
    const state = JSON.stringify([stdout, options.env, options.cwd]);
    if (state === this.#accepted) return;
    await this.#call(["trust", "--yes"], rest);
    this.#accepted = state;
  }

  async #call(words: readonly string[], options: CallOptions): Promise<Finished> {
    return await run([...this.program, ...words], {
      cwd: options.cwd ?? this.directory,
      accept: "any",
      timeoutMs: options.timeoutMs ?? 120_000,
      ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
      ...(options.env === undefined ? {} : { env: options.env }),
    });
  }

  /** Runs `up` or `mount`, and sends it a signal as soon as it says that a step is done. */
  async callUntil(
    words: readonly string[],
    step: string,
    signal: Deno.Signal,
  ): Promise<{ code: number; stderr: string }> {
    await this.accept();
    const child = this.#spawn([...words, "--verbose"]);
    let stderr = "";
    let isSent = false;
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      stderr += text;
      if (isSent || !stderr.includes(`✓ ${step}`)) continue;
      isSent = true;
      child.kill(signal);
    }
    const { code } = await child.status;
    if (!isSent) throw new Error(`${words[0]} never came to "${step}":\n${stderr}`);
    return { code, stderr };
  }

  /** Starts nixbox, and does not wait for its end. The caller has accepted the config. */
  start(words: readonly string[]): StartedCall {
    return new StartedCall(this.#spawn(words));
  }

  #spawn(words: readonly string[]): Deno.ChildProcess {
    const [program = "", ...args] = [...this.program, ...words];
    return new Deno.Command(program, {
      args,
      cwd: this.directory,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
  }

  /** Boots one of the lab's runners. */
  up(runner = "runner", ...more: string[]): Promise<Finished> {
    return this.call(["up", "--runner", `/lab/${runner}`, ...more]);
  }

  /** Boots the good guest, or fails the test with what was printed. */
  async mustUp(): Promise<void> {
    const { code, stderr } = await this.up();
    if (code !== 0) throw new Error(`nixbox up: exit ${code}\n${stderr}`);
  }

  run(...argv: string[]): Promise<Finished> {
    return this.call(["run", "--", ...argv]);
  }

  down(...more: string[]): Promise<Finished> {
    return this.call(["down", ...more]);
  }

  /** Takes everything away, whatever state the test left it in. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.call(["down", "--force"]);
    await Deno.remove(parentOf(this.directory), { recursive: true });
  }
}
