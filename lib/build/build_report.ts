import { NixboxError } from "../host/error.ts";
import { nixMessage } from "../host/nix_message.ts";
import { type NixLogEvent, parseNixLog, storeName } from "./nix_log.ts";

/** How many of a failed builder's last lines are shown. */
const mostLogLines = 12;

/** Follows one `nix build`: what goes on, line by line, and in the end why it failed. */
export class BuildReport {
  readonly #messages: string[] = [];
  readonly #builds = new Map<number, { readonly path: string; readonly log: string[] }>();
  #countingActivity: number | undefined;
  #count = "";

  /** Takes a line of Nix's stderr; gives what to tell people of it, if anything. */
  read(line: string): string | undefined {
    const event = parseNixLog(line);
    return event === undefined ? undefined : this.#take(event);
  }

  #take(event: NixLogEvent): string | undefined {
    switch (event.kind) {
      case "message":
        if (event.level === 0) this.#messages.push(event.text);
        return undefined;
      case "builds":
        this.#countingActivity = event.id;
        return undefined;
      case "progress":
        if (event.id === this.#countingActivity && event.expected > 0) {
          this.#count = ` (${event.done}/${event.expected} built)`;
        }
        return undefined;
      case "build":
        this.#builds.set(event.id, { path: event.path, log: [] });
        return `building ${storeName(event.path)}${this.#count}`;
      case "copy":
        return `copying ${storeName(event.path)}`;
      case "log": {
        const log = this.#builds.get(event.id)?.log ?? [];
        log.push(event.line);
        if (log.length > mostLogLines) log.shift();
        return undefined;
      }
    }
  }

  /** Why the build failed, in Nix's words, with what the builder that failed printed last. */
  failure(): NixboxError {
    const message = this.#cause();
    const failed = [...this.#builds.values()]
      .find(({ path }) => message.some((line) => line.includes(path)));
    const log = [...message.slice(1, 12), ...(failed?.log ?? [])];
    return new NixboxError(`the build failed: ${message[0] ?? "Nix gave no reason"}`, {
      hint: hintFor([...message, ...log]),
      log,
    });
  }

  /** The first error is the cause; the ones after it are of what needed the thing that failed. */
  #cause(): string[] {
    const first = this.#messages.find((text) => /error:/.test(text));
    return nixMessage(first ?? this.#messages.join("\n"));
  }
}

function hintFor(lines: readonly string[]): string {
  const text = lines.join("\n");
  if (/No space left on device/.test(text)) {
    return "the disk is full: `nix store gc` frees what nothing uses";
  }
  if (/required to build|required system or feature not available/i.test(text)) {
    return "Nix here cannot build for the guest's system: give it a Linux builder " +
      "(`nix.linux-builder` of nix-darwin, or `builders` in nix.conf)";
  }
  return "mend what Nix names; `nixbox build -f` tries again";
}
