/** `deno task lab`: builds the lab; with a command, runs it in there; with `shell`, a shell. */
import { exitWith, main } from "./enter.ts";

if (import.meta.main) await exitWith(() => main(Deno.args));
