/** Compiles a bundle that is there already: `compile_bundle.ts BUNDLE OUTPUT`, for nix/compiled.nix. */
import { compileBundle } from "./compiled.ts";

const [bundle = "", output = ""] = Deno.args;
await compileBundle(bundle, output, Deno.build.target);
