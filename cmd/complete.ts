import { buildCommand, proposeCompletions } from "./stricli.ts";
import type { CommandLineContext } from "./context.ts";

/** "Do not complete file names": the directive that ends a proposal in the scripts' protocol. */
const noFileNames = ":4";

export const command = buildCommand<Record<never, never>, string[], CommandLineContext>({
  docs: { brief: "propose words; called by the completion scripts" },
  parameters: {
    positional: {
      kind: "array",
      parameter: { brief: "the words so far; the last is the one to complete", parse: String },
    },
  },
  func: async function (_flags, ...words) {
    const app = await this.wholeApplication();
    const proposals = await proposeCompletions(app, words.length === 0 ? [""] : words, this);
    for (const { completion, brief } of proposals) this.terminal.print(`${completion}\t${brief}`);
    this.terminal.print(noFileNames);
  },
});
