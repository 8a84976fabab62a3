import assert from "node:assert/strict";
import type { Attack } from "./attacks.ts";
import type { TestProject } from "./machine.ts";

export interface Seen {
  readonly outcome: string;
  readonly milliseconds: number;
  readonly detail: string;
}

/** Runs attacks one after the other, as root in the guest, in one call. */
export async function attack(project: TestProject, list: readonly Attack[]): Promise<Seen[]> {
  const { code, stdout, stderr } = await project.call(
    ["run", "--", "sudo", "python3", "/run/lab/attack.py"],
    { stdin: JSON.stringify(list.map(({ does }) => does)), timeoutMs: 300_000 },
  );
  assert.equal(code, 0, stderr);
  const seen: Seen[] = stdout.trim().split("\n").map((line) => JSON.parse(line));
  assert.equal(seen.length, list.length, stdout);
  return seen;
}

/** Of attack.py's three seconds; what a busy machine's emulated guest takes itself may be one. */
const longestRefusalMs = 2500;

/** Whether what was seen is what must be. A refusal must be told, not be a time-out. */
export function isAsExpected({ expected }: Attack, { outcome, milliseconds }: Seen): boolean {
  if (expected === "allowed") return outcome === "reached";
  if (expected === "unanswered") return outcome !== "reached" && outcome !== "error";
  return outcome === "refused" && milliseconds < longestRefusalMs;
}

/** "attack, expected, seen", a line each. */
export function table(list: readonly Attack[], seen: readonly Seen[]): string {
  const rows = list.map((one, index) => {
    const { outcome = "", milliseconds = 0, detail = "" } = seen[index] ?? {};
    const mark = seen[index] !== undefined && isAsExpected(one, seen[index]) ? " " : "!";
    const time = `${milliseconds} ms`.padStart(8);
    return `${mark} ${one.name.padEnd(56)} ${one.expected.padEnd(11)} ${
      outcome.padEnd(8)
    } ${time}  ${detail.trim().split("\n")[0]}`;
  });
  return [`  ${"ATTACK".padEnd(56)} EXPECTED    SEEN`, ...rows].join("\n");
}

/** Services of the host that a guest could want, on every address of it. */
export function hostServices(ports: readonly number[]): Disposable {
  const listeners = ports.map((port) => Deno.listen({ hostname: "0.0.0.0", port }));
  for (const listener of listeners) {
    void (async () => {
      for await (const connection of listener) connection.close();
    })().catch(() => {});
  }
  return { [Symbol.dispose]: () => listeners.forEach((listener) => listener.close()) };
}
