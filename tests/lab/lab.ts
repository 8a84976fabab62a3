/** `deno task lab`: builds the lab; with a command, runs it in there; with `shell`, a shell. */
import { enterLab } from "./enter.ts";
import { guestImage } from "./guest_image.ts";
import { testRoot } from "./test_root.ts";

const words = Deno.args[0] === "--" ? Deno.args.slice(1) : Deno.args;
if (words.length === 0) {
  console.log(`test root: ${await testRoot()}`);
  console.log(`guest: ${(await guestImage()).disk}`);
} else {
  Deno.exit(await enterLab(words[0] === "shell" ? ["bash", "-l"] : words));
}
