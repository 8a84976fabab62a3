/** nixbox with a fault at one of its acts: tests/stand_in/faults says what these are. */
import assert from "node:assert/strict";
import { type Finished, run } from "../../../lib/host/process/run.ts";
import type { faults } from "../../stand_in/faults/acts.ts";
import { TestProject } from "./machine.ts";
import { traces } from "./traces.ts";

export type Fault = typeof faults[number];

/** One thing that a command does to this host. */
export interface Act {
  /** The step that it is of, as it is told: "load the firewall"; "after ..." between two. */
  readonly step: string;
  /** The step and a number; 0 is the step's beginning. */
  readonly name: string;
  /** "write PATH", or a command line. */
  readonly what: string;
}

/** What is looked at beside the traces that all tests know. */
const state = `
  find "$1" ! -type d -printf '%p %s %m %l\\n' | sort
  find "$1" -type d -printf '%p %m\\n' | sort
  cd /root/.local/state/nixbox && find . -path './projects/*/accepted/*' -type f -exec sha256sum {} + | sort
  find . -name '*.new'
  iptables -S DOCKER-USER 2>&1
  true`;

/** A project whose nixbox can be broken or stopped at each act. */
export class FaultyProject {
  #before = "";

  private constructor(readonly project: TestProject, private readonly runner: string) {}

  /** @param words What nixbox is started with: env(1) and variables, say. */
  static async make(
    config: string,
    runner: string,
    words: readonly string[] = [],
  ): Promise<FaultyProject> {
    const program = [
      ...[...words, "deno", "run", "--quiet", "--no-prompt", "--cached-only", "--allow-all"],
      "/src/tests/stand_in/faults/main.ts",
    ];
    return new FaultyProject(await TestProject.make(config, "box", program), runner);
  }

  /** What a command does, in order; it must succeed. */
  async acts(command: "up" | "down"): Promise<readonly Act[]> {
    const file = await Deno.makeTempFile();
    const { code, stderr } = await this.call(command, { NIXBOX_ACTS: file });
    assert.equal(code, 0, stderr);
    return (await Deno.readTextFile(file)).trimEnd().split("\n").map((line) => {
      const [name = "", what = ""] = line.split("\t");
      return { step: name.replace(/ \d+$/, ""), name, what };
    });
  }

  /**
   * Runs a command with a fault; one that it does not come to fails the test. An `up` that goes on is
   * interrupted when it comes to the step `last`.
   */
  async with(
    command: "up" | "down",
    { name }: Act,
    fault: Fault,
    last = "",
  ): Promise<Finished> {
    const env = { NIXBOX_FAULT: `${name}=${fault}`, NIXBOX_LAST_STEP: last };
    const finished = await this.call(command, env);
    assert.match(finished.stderr, /^fault: /m, finished.stderr);
    assert.doesNotMatch(finished.stderr, /could not undo/);
    return finished;
  }

  call(
    command: "up" | "down",
    env: Readonly<Record<string, string>> = {},
  ): Promise<Finished> {
    return this.project.call(command === "up" ? ["up", this.runner] : [command], { env });
  }

  /** Keeps what a machine could change on this host, while there is none. */
  async remember(): Promise<void> {
    this.#before = await this.#state();
  }

  /** Fails if anything of a machine is left, or something is not as it was. */
  async assertAsBefore(): Promise<void> {
    const before = this.#before;
    // What one case has left is not held against the next.
    await this.remember();
    assert.deepEqual(await traces(), []);
    assert.equal(this.#before, before);
  }

  /** The project's files, what was accepted of it, half-written files, what Docker's chain has. */
  async #state(): Promise<string> {
    return (await run(["sh", "-c", state, "sh", this.project.directory])).stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.project[Symbol.asyncDispose]();
  }
}

/** Acts without those in a row that differ in the last part of a path only: two stand for all. */
export function distinct(acts: readonly Act[]): readonly Act[] {
  const kind = (act: Act | undefined) => `${act?.step} ${act?.what.replace(/[^/]*$/, "")}`;
  return acts.filter((act, index) =>
    kind(acts[index - 1]) !== kind(act) || kind(acts[index + 1]) !== kind(act)
  );
}

/** Acts by their steps, in order. */
export function bySteps(acts: readonly Act[]): ReadonlyMap<string, readonly Act[]> {
  const steps = new Map<string, Act[]>();
  for (const act of acts) steps.set(act.step, [...steps.get(act.step) ?? [], act]);
  return steps;
}
