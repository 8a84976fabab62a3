#!/usr/bin/env -S deno run --allow-all --no-prompt
/**
 * The command line. Loads as little as the command needs: `--version` loads nothing, a command only
 * its own file.
 */
import { version } from "./cmd/version.ts";

if (import.meta.main) {
  if (Deno.args.length === 1 && (Deno.args[0] === "--version" || Deno.args[0] === "-v")) {
    console.log(`nixbox ${version}`);
  } else if (Deno.args[0] === "internal-filter") {
    const { becomeFiltered } = await import("./lib/host/confinement/filtered.ts");
    const [, file = "", ...argv] = Deno.args;
    becomeFiltered(await Deno.readFile(file), argv);
  } else {
    const { main } = await import("./cmd/main.ts");
    Deno.exit(await main(Deno.args));
  }
}
