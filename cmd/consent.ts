import type { Project } from "../lib/config/config.ts";
import type { Host } from "../lib/host/host.ts";
import type { Review } from "../lib/lifecycle/trust/consent.ts";
import { table } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** Whether there is a person to ask. */
export function canAsk({ isLive }: Terminal): boolean {
  return isLive && Deno.stdin.isTerminal();
}

/**
 * Does work that needs the project's content to be accepted. On a terminal it shows what is asked for,
 * asks, and goes on after a yes; elsewhere the work's own error says how to accept it.
 */
export async function withConsent<T>(
  terminal: Terminal,
  host: Host,
  project: Project,
  work: () => Promise<T>,
): Promise<T> {
  const { ConsentNeeded, acceptContent } = await import("../lib/lifecycle/trust/consent.ts");
  while (true) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ConsentNeeded) || !canAsk(terminal)) throw error;
      await printReview(terminal, host, error.review, (text) => terminal.writeError(text));
      if (!ask(terminal)) throw error;
      await acceptContent(host, project, error.review.hash);
    }
  }
}

/** Asks the person at the terminal; anything but a yes is a no. */
export function ask(terminal: Terminal): boolean {
  terminal.writeError("May this host do what it says? [y/N] ");
  const answer = new Uint8Array(64);
  const count = Deno.stdin.readSync(answer) ?? 0;
  return /^y(es)?\s*$/i.test(new TextDecoder().decode(answer.subarray(0, count)));
}

/** On a terminal, as many lines of a difference as one looks at before a question. */
const mostLines = 200;

/** Shows what a content asks for and what has changed in it; both may be a stranger's text. */
export async function printReview(
  terminal: Terminal,
  host: Host,
  review: Review,
  write: (text: string) => void,
  options: { readonly isWhole?: boolean } = {},
): Promise<void> {
  const { paint } = terminal;
  const { difference } = await import("../lib/lifecycle/trust/changes.ts");
  const { isAccepted, isChange, requests, changes, hash } = review;
  const state = isAccepted
    ? "is accepted on this host"
    : isChange
    ? "has changed since it was accepted on this host"
    : "was not accepted on this host";
  write(`${paint.bold(`The content of this project ${state}.`)}\n`);
  write(
    requests.length === 0 ? "It asks for nothing outside of its directory.\n" : "It asks for:\n",
  );
  let last = "";
  const rows = requests.map(({ kind, detail }) => {
    const row = [`  ${kind === last ? "" : kind}`, detail];
    last = kind;
    return row;
  });
  for (const line of table(rows)) write(`${line}\n`);
  const texts = await Promise.all(changes.map((change) => difference(host, change)));
  const lines = texts.join("").split("\n");
  const shown = options.isWhole ? lines : lines.slice(0, mostLines);
  write(`${shown.join("\n")}\n`);
  if (shown.length < lines.length) {
    write(`... and ${lines.length - shown.length} more lines: nixbox trust --show\n`);
  }
  write(`${paint.dim(`hash ${hash}`)}\n`);
}
