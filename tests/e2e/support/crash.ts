/** What every machine must stand: each act of `up` and of `down` fails, and is what nixbox is stopped at. */
import assert from "node:assert/strict";
import { type Act, bySteps, distinct, type Fault, type FaultyProject } from "./faults.ts";

export interface Case {
  readonly act: Act;
  readonly fault: Fault;
}

const stops = ["SIGINT", "SIGTERM", "SIGKILL"] as const;
const all = ["fail", "half", ...stops, "cut"] as const;

/** The first step that waits for the guest: what comes before needs none. */
export const boot = "boot the guest";

function inTurn<T>(values: readonly T[], index: number): T {
  const value = values[index % values.length];
  if (value === undefined) throw new TypeError("there is nothing to take in turn");
  return value;
}

/**
 * Of each step: stopped as it begins, which is after the one before; broken and stopped in each way at
 * its last act, which is in its midst; and at each act in between one fault, in turn.
 */
export function casesBeforeBoot(acts: readonly Act[]): readonly Case[] {
  const until = acts.findIndex(({ step }) => step === boot);
  assert.ok(until > 0, "up has no step of this name any more");
  const cases: Case[] = [];
  for (const [step, own] of bySteps(distinct(acts.slice(0, until)))) {
    const isNamed = step !== "" && !step.startsWith("after ") && step !== "read the config";
    for (const [index, act] of own.entries()) {
      // Nothing is made for the machine yet: some stand for all.
      if (!isNamed && index % 3 !== 0) continue;
      const isBegin = act.name.endsWith(" 0");
      const turn = cases.length;
      const faults: readonly Fault[] = isNamed && isBegin
        ? stops
        : isBegin
        ? []
        : isNamed && index === own.length - 1
        ? [inTurn(["fail", "half"], turn), ...stops, "cut"]
        : [inTurn(all, turn)];
      for (const fault of faults) cases.push({ act, fault });
    }
  }
  return cases;
}

/**
 * Once there is a guest each case takes as long as that boots: of each step two acts, of all faults in
 * turn. The last thing of all is that the record says that the machine is up: then it is.
 */
export function casesAfterBoot(acts: readonly Act[]): readonly Case[] {
  const steps = [...bySteps(acts.slice(acts.findIndex(({ step }) => step === boot)))];
  const cases: Case[] = [];
  for (const [index, [step, own]] of steps.entries()) {
    const [first] = own;
    const last = own.at(-1);
    if (first === undefined || last === undefined) continue;
    if (step === boot || index === steps.length - 1) {
      const faults = step === boot ? ["fail", ...stops] as const : ["fail", "SIGKILL"] as const;
      for (const fault of faults) cases.push({ act: first, fault });
      continue;
    }
    cases.push({ act: last, fault: inTurn(all, cases.length) });
    if (last !== first) cases.push({ act: first, fault: inTurn(stops, cases.length) });
  }
  return cases;
}

/** What clears up after a kill, in turn: `down`, the next `up`, `doctor --fix`. */
async function clear(faulty: FaultyProject, turn: number): Promise<void> {
  const ways = [
    () => faulty.call("down"),
    // Stopped as soon as it could have begun: it must clear what it does not use.
    () => faulty.call("up", { NIXBOX_LAST_STEP: "make directories" }),
    () => faulty.project.call(["doctor", "--fix"]),
  ];
  const { stderr } = await inTurn(ways, turn)();
  assert.doesNotMatch(stderr, /could not undo/);
}

/** Runs `up` with each fault; the host must be as before, at once or once it was cleared. */
export async function breakUp(
  t: Deno.TestContext,
  faulty: FaultyProject,
  cases: readonly Case[],
  tolerated: RegExp,
): Promise<void> {
  for (const [index, { act, fault }] of cases.entries()) {
    await t.step(`${fault} at ${act.name}: ${act.what.slice(0, 60)}`, async () => {
      const last = cases.some(({ act }) => act.step === boot) ? "" : boot;
      const { code, stderr } = await faulty.with("up", act, fault, last);
      if (code === 0) await faulty.call("down");
      const isKilled = fault === "SIGKILL" || fault === "cut";
      assert.equal(isKilled, code === 137, stderr);
      assert.notEqual(code, 0, stderr);
      if (fault === "fail" && stderr.includes(`✗ ${boot}`) && act.step !== boot) {
        assert.match(act.what, tolerated, `${act.what} failed, and up went on`);
      }
      if (isKilled) await clear(faulty, index);
      await faulty.assertAsBefore();
    });
  }
}

/** What `up` and `down` do; the first `up` does more than all later ones, and is not meant. */
export async function learn(
  faulty: FaultyProject,
): Promise<{ readonly up: readonly Act[]; readonly down: readonly Act[] }> {
  await faulty.acts("up");
  await faulty.call("down");
  await faulty.remember();
  const up = await faulty.acts("up");
  const down = await faulty.acts("down");
  await faulty.assertAsBefore();
  return { up, down };
}

/** Fails if `up` tells of a step that no case is about. */
export function assertAllBroken(up: readonly Act[], cases: readonly Case[]): void {
  const told = [...bySteps(up).keys()].filter((step) => !/^(after .*)?$/.test(step));
  const broken = new Set(cases.map(({ act }) => act.step));
  assert.deepEqual(told.filter((step) => !broken.has(step)), []);
}

/** Stops and breaks `down` at each of its acts, in turn; the next `down` must end the work. */
export async function breakDown(
  t: Deno.TestContext,
  faulty: FaultyProject,
  acts: readonly Act[],
): Promise<void> {
  const ways = ["SIGKILL", "cut", "fail"] as const;
  for (const [index, act] of distinct(acts).filter(({ name }) => !name.endsWith(" 0")).entries()) {
    const fault = inTurn(ways, index);
    await t.step(`${fault} at ${act.name}: ${act.what.slice(0, 60)}`, async () => {
      // All is made and the hypervisor runs, and nobody undoes it.
      await faulty.with("up", { step: boot, name: `${boot} 0`, what: "begin" }, "SIGKILL");
      const broken = await faulty.call("down", { NIXBOX_FAULT: `${act.name}=${fault}` });
      assert.match(broken.stderr, /^fault: /m, broken.stderr);
      const { code, stderr } = await faulty.call("down");
      assert.equal(code, 0, stderr);
      await faulty.assertAsBefore();
    });
  }
}
