import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { nixMessage } from "../../../lib/host/nix/nix_message.ts";
import { maskSecrets } from "../../../lib/config/mask.ts";
import { nearest } from "../../../lib/config/nearest.ts";
import { checkConfig } from "../../../lib/config/schema.ts";
import { sampleWith } from "./sample.ts";

Deno.test("masking covers every value of env and nothing else", () => {
  const config = checkConfig(sampleWith({ env: { A: "s3cret", B: "" } }), "c");
  assertEquals(maskSecrets(config), { ...config, env: { A: "***", B: "***" } });
});

Deno.test("the nearest word is suggested, and none that is not near", () => {
  const words = ["name", "network", "nix", "mounts"];
  assertEquals(nearest("netwrok", words), "network");
  assertEquals(nearest("mount", words), "mounts");
  assertEquals(nearest("kubernetes", words), undefined);
  assertEquals(nearest("x", []), undefined);
});

Deno.test("of Nix's output the message is shown, without traces and warnings", () => {
  const stderr = `warning: Nix search path entry '/nope' does not exist, ignoring
error:
       … while evaluating the attribute 'resolved'
         at /n/nix/resolve.nix:242:3:

       (stack trace truncated; use '--show-trace' to show the full, detailed trace)

       error: undefined variable 'pkgs'
       at /p/.nixbox/config.nix:2:14:
            1| {
            2|   packages = pkgs.git;
             |              ^
`;
  assertEquals(nixMessage(stderr), [
    "undefined variable 'pkgs'",
    "at /p/.nixbox/config.nix:2:14:",
    "     1| {",
    "     2|   packages = pkgs.git;",
    "      |              ^",
  ]);
});

Deno.test("of errors within errors the innermost is shown", () => {
  const stderr = "error: while calling 'import'\n\n       error: syntax error, unexpected ';'\n";
  assertEquals(nixMessage(stderr), ["syntax error, unexpected ';'"]);
});

Deno.test("output without an error of Nix's own is shown as it is", () => {
  assertEquals(nixMessage("Segmentation fault\n"), ["Segmentation fault"]);
});
