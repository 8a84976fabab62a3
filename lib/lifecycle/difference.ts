import type { Host } from "../host/host.ts";
import { removeIfExists } from "../host/files.ts";
import { run } from "../host/process.ts";
import type { SuspectFile } from "./trust.ts";

/** What has changed in a file, as `diff -u` shows it; all of it, where there is no diff. */
export async function difference(host: Host, file: SuspectFile): Promise<string> {
  const diff = await host.which("diff");
  if (diff === undefined) return `+++ ${file.path}\n${prefixed("+", file.after)}`;
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/before`, file.before ?? "");
    await Deno.writeTextFile(`${directory}/after`, file.after);
    const labels = ["--label", file.before === undefined ? "(not seen before)" : "as you saw it"];
    const argv = [diff, "--text", "-u", ...labels, "--label", file.path];
    const { stdout } = await run([...argv, `${directory}/before`, `${directory}/after`], {
      accept: [1],
    });
    return stdout;
  } finally {
    await removeIfExists(directory);
  }
}

function prefixed(mark: string, text: string): string {
  return text.split("\n").map((line) => `${mark}${line}\n`).join("");
}
