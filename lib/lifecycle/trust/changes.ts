import type { Config } from "../../config/config.ts";
import { removeIfExists } from "../../host/files/files.ts";
import { sha256 } from "../../base/hash.ts";
import type { Host } from "../../host/host.ts";
import { run, toolMs } from "../../host/process/run.ts";
import { type AcceptedFile, readAcceptedContent, readLastAccepted } from "../../state/consents.ts";
import type { Entry, Gathered } from "./gathered.ts";

/** A file of a content, as it is written down. */
export type ContentFile = AcceptedFile & { readonly content: Uint8Array<ArrayBuffer> };

/** How one file of a content has changed since it was accepted. */
export interface FileChange {
  /** From the project's directory, or absolute. */
  readonly name: string;
  /** `undefined` for a file that is new, or whose old content is not kept. */
  readonly before: string | undefined;
  /** `undefined` for one that is gone. */
  readonly after: string | undefined;
}

/**
 * The files of what was gathered, without directories, as they are shown and kept.
 *
 * @param env Of the config: values that stand in it as plain text are masked.
 */
export async function contentFiles(
  gathered: Gathered,
  env: Config["env"] = {},
): Promise<readonly ContentFile[]> {
  const secrets = Object.values(env).filter((value) => typeof value === "string");
  const files: ContentFile[] = [];
  for (const { name, entry, isOutside } of gathered.named()) {
    if (entry.kind === "directory" || entry.kind === "absent") continue;
    const content = contentOf(entry);
    const kind = entry.kind === "file" && entry.isProgram ? "program" : entry.kind;
    const hash = await sha256(content);
    files.push({
      name,
      kind,
      hash,
      content: isOutside ? notShown : shownContent(name, content, secrets),
    });
  }
  return files;
}

/** Values as whole strings of a Nix text, and nowhere else: no change of a program is hidden by them. */
function shownContent(
  name: string,
  content: Uint8Array<ArrayBuffer>,
  secrets: readonly string[],
): Uint8Array<ArrayBuffer> {
  if (!name.endsWith(".nix") || secrets.length === 0) return content;
  const text = new TextDecoder().decode(content);
  const masked = secrets.filter((value) => value.length >= 6)
    .reduce((left, value) => left.replaceAll(JSON.stringify(value), '"***"'), text);
  return new TextEncoder().encode(masked);
}

/** In place of what lies outside of the project: it may hold the user's secrets. */
const notShown = new TextEncoder().encode("(outside of the project: not shown)\n");

function contentOf(
  entry: Exclude<Entry, { kind: "directory" | "absent" }>,
): Uint8Array<ArrayBuffer> {
  if (entry.kind === "file") return entry.content;
  const text = entry.kind === "symlink" ? `symlink to ${entry.target}\n` : "a pipe or device\n";
  return new TextEncoder().encode(text);
}

/** What has changed since the user last accepted a content of this project; all, if never. */
export async function changesOf(
  host: Host,
  id: string,
  files: readonly ContentFile[],
): Promise<readonly FileChange[]> {
  const last = readLastAccepted(host, id);
  const before = new Map(last?.files.map((file) => [file.name, file]));
  const changes: FileChange[] = [];
  for (const file of files) {
    const old = before.get(file.name);
    before.delete(file.name);
    if (old?.hash === file.hash && old.kind === file.kind) continue;
    const after = shown(file.kind, new TextDecoder().decode(file.content));
    changes.push({ name: file.name, before: await oldText(host, id, old), after });
  }
  for (const gone of before.values()) {
    changes.push({ name: gone.name, before: await oldText(host, id, gone), after: undefined });
  }
  return changes;
}

async function oldText(
  host: Host,
  id: string,
  file: AcceptedFile | undefined,
): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const text = await readAcceptedContent(host, id, file);
  return text === undefined ? undefined : shown(file.kind, text);
}

/** That a file may be run is a change, too. */
function shown(kind: AcceptedFile["kind"], text: string): string {
  return kind === "program" ? `(executable)\n${text}` : text;
}

/** A change as `diff -u` shows it; all of the new text, where there is no diff. */
export async function difference(host: Host, change: FileChange): Promise<string> {
  const { name, before = "", after = "" } = change;
  if (before === after) return `changed: ${name} (what changed is not shown)\n`;
  const diff = await host.which("diff");
  if (diff === undefined) return `+++ ${name}\n${prefixed("+", after)}`;
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/before`, before);
    await Deno.writeTextFile(`${directory}/after`, after);
    const labels = [
      ...["--label", change.before === undefined ? "(not there before)" : "as you accepted it"],
      ...["--label", change.after === undefined ? `${name} (gone)` : name],
    ];
    const argv = [diff, "--text", "-u", ...labels, `${directory}/before`, `${directory}/after`];
    return (await run(argv, { accept: [1], timeoutMs: toolMs })).stdout;
  } finally {
    await removeIfExists(directory);
  }
}

function prefixed(mark: string, text: string): string {
  return text.split("\n").map((line) => `${mark}${line}\n`).join("");
}
