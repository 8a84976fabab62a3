import type { Host } from "../../host/host.ts";
import { NixboxError } from "../../base/error.ts";
import { exists } from "../../host/files/files.ts";
import { sleep } from "../../base/wait.ts";
import { dnsmasqPaths } from "../../network/dns/dnsmasq.ts";
import { defaultSlotPlace } from "../../state/slots.ts";
import { hasTap } from "../../state/record.ts";
import { readRecord, statePaths } from "../../state/store.ts";
import type { LogName } from "./log_names.ts";
import { LogReader } from "./log_reader.ts";

/** A log's files, and which of their lines belong to it. */
interface LogSource {
  readonly files: readonly string[];
  readonly matches?: RegExp;
}

/**
 * The text of one log, in pieces of whole lines as it grows. Ends at the end of the log, or, with
 * `follow`, when `signal` aborts.
 *
 * @throws {NixboxError} if there is no such log (yet).
 */
export async function* readLog(
  host: Host,
  id: string,
  name: LogName,
  options: { readonly follow: boolean; readonly signal?: AbortSignal },
): AsyncIterable<string> {
  const source = await logSource(host, id, name);
  const files = [];
  for (const file of source.files) if (await exists(file)) files.push(file);
  if (files.length === 0) {
    throw new NixboxError(`there is no ${name} log`, {
      hint: "a machine writes its logs from its first `nixbox up` on; dnsmasq's ends with `down`",
    });
  }
  // The part from before a log was cut (machine_watch.ts) comes first, and once.
  for (const file of files.map((name) => `${name}.old`)) {
    if (!await exists(file)) continue;
    const reader = new LogReader(file, source.matches);
    yield* reader.more();
    yield* reader.rest();
  }
  const readers = files.map((file) => new LogReader(file, source.matches));
  do {
    for (const reader of readers) yield* reader.more();
    if (options.follow) await sleep(200, options.signal).catch(() => {});
  } while (options.follow && options.signal?.aborted !== true);
  for (const reader of readers) yield* reader.rest();
}

async function logSource(host: Host, id: string, name: LogName): Promise<LogSource> {
  const { logs } = statePaths(host, id);
  switch (name) {
    case "provisioning":
      return { files: [`${logs}/console.log`], matches: /nixbox-provision:/ };
    case "virtiofsd":
      return { files: await matching(logs, /^virtiofsd-.*\.log$/) };
    case "dnsmasq": {
      const record = await readRecord(host, id);
      if (record === undefined || !hasTap(record)) return { files: [] };
      return { files: [dnsmasqPaths(defaultSlotPlace.directory, record.network.slot).log] };
    }
    default:
      return { files: [`${logs}/${name}.log`] };
  }
}

async function matching(directory: string, pattern: RegExp): Promise<string[]> {
  if (!await exists(directory)) return [];
  const names: string[] = [];
  for await (const entry of Deno.readDir(directory)) {
    if (pattern.test(entry.name)) names.push(`${directory}/${entry.name}`);
  }
  return names.sort();
}
