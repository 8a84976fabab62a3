import { buildCommand } from "@stricli/core";
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
    const { script } = await import("@bomb.sh/tab");
    script(shell, "nixbox", "nixbox");
  },
});
