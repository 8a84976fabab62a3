import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject } from "./context.ts";

interface Flags {
  readonly show: boolean;
  readonly yes: boolean;
  readonly accept?: string;
}

export const command = buildCommand<Flags, [], CommandLineContext>({
  docs: {
    brief: "show what this project asks of this host, and accept it",
    fullDescription:
      `A config, its plugins, hooks and lock decide what runs on this host. So nixbox uses them only
once you have accepted them, as they are: whoever wrote them, and wherever they lie. After a change
it asks again. Shows what they ask for (commands, shares, network, secrets, inputs) and what has
changed since you last accepted them, and asks. Nothing of them is run for that.
Ends with 1 where they are not accepted.

EXAMPLES
  nixbox trust
  nixbox trust --show            only show it
  nixbox trust --yes             accept it without a question, for a person who has read it
  nixbox trust --accept HASH     accept exactly this content, for machines without a person
  nixbox trust --show --json     the same as data`,
  },
  parameters: {
    flags: {
      show: { kind: "boolean", brief: "only show it", default: false, withNegated: false },
      yes: {
        kind: "boolean",
        brief: "accept without a question",
        default: false,
        withNegated: false,
      },
      accept: {
        kind: "parsed",
        parse: parseHash,
        optional: true,
        brief: "accept the content that has this hash, and no other",
        placeholder: "HASH",
      },
    },
  },
  func: async function ({ show, yes, accept: hash }) {
    const { terminal, globals } = this;
    const { host, project } = await hostAndProject(globals);
    const { acceptContent, reviewProject } = await import("../lib/lifecycle/trust/consent.ts");
    const { ask, canAsk, printReview } = await import("./consent.ts");
    if (hash !== undefined) {
      await acceptContent(host, project, hash);
      if (!globals.quiet) terminal.printError("accepted");
      return;
    }
    const { review, accept } = await reviewProject(host, project);
    if (globals.json) terminal.printJson(review, 2);
    else await printReview(terminal, host, review, terminal.write, { isWhole: true });
    if (review.isAccepted) return;
    if (show || (!yes && !canAsk(terminal))) {
      terminal.printError(
        show
          ? "not accepted: `nixbox trust` accepts it"
          : `not accepted: there is no terminal to ask on; \`nixbox trust --accept ${review.hash}\``,
      );
      this.exitCode = 1;
      return;
    }
    if (!yes && !ask(terminal)) {
      terminal.printError("not accepted; nothing was changed");
      this.exitCode = 1;
      return;
    }
    await accept();
    if (!globals.quiet) terminal.printError("accepted");
  },
});

function parseHash(text: string): string {
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new SyntaxError("a hash has 64 digits of 0-9 and a-f, as `nixbox trust --show` prints it");
}
