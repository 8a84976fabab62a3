import { buildCommand } from "./stricli.ts";
import type { CommandLineContext } from "./context.ts";
import { choiceOf } from "./parse.ts";

const shells = ["bash", "zsh", "fish"] as const;

export const command = buildCommand<
  Record<never, never>,
  [typeof shells[number]],
  CommandLineContext
>({
  docs: {
    brief: "print a completion script for bash, zsh or fish",
    fullDescription: `Prints a script that completes nixbox's commands and options in your shell.

EXAMPLES
  source <(nixbox completions bash)
  nixbox completions zsh > ~/.zfunc/_nixbox
  nixbox completions fish > ~/.config/fish/completions/nixbox.fish`,
  },
  parameters: {
    positional: {
      kind: "tuple",
      parameters: [{ ...choiceOf(shells), placeholder: "SHELL" }],
    },
  },
  func: async function (_flags, shell) {
    // deno-lint-ignore no-import-prefix -- found from anywhere, as cmd/stricli.ts is
    const { script } = await import("npm:@bomb.sh/tab@0.0.22");
    script(shell, "nixbox", "nixbox");
  },
});
