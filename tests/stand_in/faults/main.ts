/**
 * nixbox with a fault at one act: `up` and `down` are the real ones, as the command line calls them.
 * What they do to this host goes through Deno's own functions, which are wrapped here, so that each
 * such act has a name ("load the firewall 2", the second of that step) and can fail, or be what
 * nixbox is stopped at. NIXBOX_FAULT says at which and how; NIXBOX_ACTS is a file that takes the names.
 * NIXBOX_AS=mac: as on a Mac, on the stand-ins for it.
 *
 * Usage: main.ts up RUNNER | down | any other command line of nixbox's
 */
import { chooseHost, hostAndProject, Interrupted, stopSignal } from "../../../cmd/context.ts";
import { main } from "../../../cmd/main.ts";
import { processTerminal } from "../../../cmd/terminal.ts";
import { detectDarwin, thisMac } from "../../../lib/host/darwin.ts";
import { messageOf } from "../../../lib/base/error.ts";
import type { ProgressEvent } from "../../../lib/base/progress.ts";
import { Acts } from "./acts.ts";

const terminal = processTerminal(true);
const globals = { json: false, quiet: false, verbose: false, noColor: true } as const;

async function faulty(command: "up" | "down", runner: string): Promise<void> {
  const { up } = await import("../../../lib/lifecycle/up/up.ts");
  const { down } = await import("../../../lib/lifecycle/up/down.ts");
  const { host, project } = await hostAndProject({ ...globals, project: undefined });
  const signal = stopSignal(terminal);
  const acts = new Acts();
  const emit = (event: ProgressEvent) => {
    acts.heed(event);
    if (event.kind === "step-finished") console.error(`  ✓ ${event.step}`);
    if (event.kind === "step-failed") console.error(`  ✗ ${event.step}`);
    if (event.kind === "warning") console.error(`warning: ${event.message}`);
  };
  if (command === "up") await up(host, project, { runner, signal }, emit);
  else await down(host, project.id, { force: true }, emit);
}

if (Deno.env.get("NIXBOX_AS") === "mac") {
  chooseHost(() => Promise.resolve(detectDarwin({ ...thisMac, arch: "aarch64" })));
}
const [command = "", runner = ""] = Deno.args;
if (command !== "up" && command !== "down") Deno.exit(await main(Deno.args));
try {
  await faulty(command, runner);
  Deno.exit(0);
} catch (error) {
  console.error(messageOf(error));
  Deno.exit(error instanceof Interrupted ? 130 : 1);
}
