import type { Host, ProcessIdentity } from "../host/host.ts";
import { readOwnFile } from "../host/files/own_file.ts";
import { parseJson } from "../base/json.ts";
import { isIdentity } from "./record.ts";
import { isObjectOf, isOneOf } from "../base/type_guards.ts";

/** What a command that holds a project's lock for long is doing. */
export type Work = "up" | "down" | "build";

/** Who holds a project's lock, as that process has written into it. */
export interface AtWork {
  readonly work: Work;
  readonly process: ProcessIdentity;
}

const isAtWork = isObjectOf<AtWork>({
  work: isOneOf("up", "down", "build"),
  process: isIdentity,
});

/** What the holder of a lock writes into its file. */
export function atWorkText(atWork: AtWork): string {
  return `${JSON.stringify(atWork)}\n`;
}

/** Who says in a lock's file that it holds the lock; `undefined` if nobody does. */
export function readAtWork(host: Pick<Host, "user">, lockFile: string): AtWork | undefined {
  const hint = `remove it when no nixbox runs: \`rm ${lockFile}\``;
  const expected = { owners: [host.user.uid], mostBytes: 4096, hint };
  const value = parseJson(readOwnFile(lockFile, expected) ?? "");
  return isAtWork(value) ? value : undefined;
}
