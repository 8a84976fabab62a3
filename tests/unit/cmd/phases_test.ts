import assert from "node:assert/strict";
import { follow } from "../../../cmd/progress.ts";
import { Phases } from "../../../cmd/phases.ts";
import { processTerminal, type Sink } from "../../../cmd/terminal.ts";
import type { Emit, ProgressEvent } from "../../../lib/base/progress.ts";
import { Operation } from "../../../lib/lifecycle/machine/operation.ts";
import { stepOrder, undoStep } from "../../../lib/lifecycle/boot/teardown.ts";
import { defaultSlotPlace } from "../../../lib/state/slots.ts";
import { detectHost } from "../../../lib/host/detect.ts";
import { exampleRecord } from "../support/record.ts";

const done = (step: string, elapsedMs: number): ProgressEvent[] => [
  { kind: "step-started", step },
  { kind: "step-finished", step, elapsedMs },
];

/** What `up` emits, with a time for each step. */
const steps: readonly ProgressEvent[] = [
  ...done("read the config", 60),
  { kind: "warning", message: "no KVM" },
  ...done("build the machine", 5000),
  ...done("write the record", 0),
  ...done("load the firewall", 40),
  ...done("make the tap", 10),
  ...done("start network services", 70),
  ...done("share directories", 30),
  ...done("start the hypervisor", 80),
  ...done("boot the guest", 7000),
  ...done("log in", 1000),
  ...done("provision", 150),
  ...done("run setup.sh", 20),
];

class Text implements Sink {
  text = "";
  isTerminal() {
    return false;
  }
  writeSync(bytes: Uint8Array) {
    this.text += new TextDecoder().decode(bytes);
    return bytes.length;
  }
}

/** The lines that a command prints of events. */
async function printed(
  events: readonly ProgressEvent[],
  options: { readonly verbose?: boolean; readonly quiet?: boolean; readonly fails?: boolean } = {},
): Promise<readonly string[]> {
  const errors = new Text();
  const terminal = processTerminal(true, new Text(), errors, true);
  const { verbose = false, quiet = false, fails = false } = options;
  const work = (emit: Emit) => {
    for (const event of events) emit(event);
    return fails ? Promise.reject(new TypeError("as asked")) : Promise.resolve();
  };
  const globals = { project: undefined, json: false, quiet, verbose, noColor: true };
  const following = follow(terminal, globals, new Operation(work));
  if (fails) await assert.rejects(following, /as asked/);
  else await following;
  return errors.text.trimEnd().split("\n");
}

Deno.test("up prints the few steps that a person cares about, with the time of all in them", async () => {
  assert.deepEqual(await printed(steps), [
    "warning: no KVM",
    "  ✓ build the machine 5.0 s",
    "  ✓ set up the network 120 ms",
    "  ✓ boot the guest 8.1 s",
    "  ✓ provision the guest 150 ms",
    "  ✓ run setup.sh 20 ms",
  ]);
});

Deno.test("--verbose prints every step", async () => {
  const lines = await printed(steps, { verbose: true });
  assert.equal(lines.length, 13);
  assert.ok(lines.includes("  ✓ write the record 0 ms"));
});

const failed: readonly ProgressEvent[] = [
  ...done("make directories", 1),
  ...done("load the firewall", 40),
  { kind: "step-started", step: "make the tap" },
  { kind: "step-failed", step: "make the tap", elapsedMs: 10 },
];

Deno.test("a step that fails is shown by its name, with --quiet too", async () => {
  assert.deepEqual(await printed(failed, { fails: true }), ["  ✗ make the tap 10 ms"]);
  assert.deepEqual(await printed(failed, { fails: true, quiet: true }), ["  ✗ make the tap 10 ms"]);
});

Deno.test("a step that is passed over is shown where it fails", async () => {
  const events: ProgressEvent[] = [
    { kind: "step-started", step: "write the record" },
    { kind: "step-failed", step: "write the record", elapsedMs: 3 },
  ];
  assert.deepEqual(await printed(events, { fails: true }), ["  ✗ write the record 3 ms"]);
});

Deno.test("a phase is told as begun once, at its first step", () => {
  const told: ProgressEvent[] = [];
  const phases = new Phases((event) => told.push(event));
  for (const event of steps) phases.take(event);
  const begun = told.flatMap((event) => event.kind === "step-started" ? [event.step] : []);
  assert.equal(new Set(begun).size, begun.length);
  assert.deepEqual(begun.at(1), "set up the network");
});

Deno.test("every step of up that leaves something is in a phase, or passed over", async () => {
  const host = await detectHost();
  const names = stepOrder(exampleRecord).map((step) =>
    undoStep(host, defaultSlotPlace, exampleRecord, step).name
  );
  assert.deepEqual(await printed(names.flatMap((name) => done(name, 10))), [
    "  ✓ set up the network 40 ms",
    "  ✓ boot the guest 40 ms",
  ]);
});
