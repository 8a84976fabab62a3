import { NixboxError } from "../base/error.ts";
import { nixMessage } from "../host/nix/nix_message.ts";
import { hintFor, withOwnPaths } from "./build_hint.ts";
import { type NixLogEvent, parseNixLog, storeName } from "./nix_log.ts";

/** How many of a failed builder's last lines are shown. */
const mostLogLines = 12;

/** Follows one `nix build`: what goes on, line by line, and in the end why it failed. */
export class BuildReport {
  readonly #messages: string[] = [];
  readonly #builds = new Map<number, { readonly path: string; readonly log: string[] }>();
  #countingActivity: number | undefined;
  #count = "";
  #warning: string | undefined;
  #hasWarned = false;

  /** Takes a line of Nix's stderr; gives what to tell people of it, if anything. */
  read(line: string): string | undefined {
    const event = parseNixLog(line);
    return event === undefined ? undefined : this.#take(event);
  }

  /** What people should be warned of since the last call, if anything. */
  takeWarning(): string | undefined {
    const warning = this.#warning;
    this.#warning = undefined;
    return warning;
  }

  #take(event: NixLogEvent): string | undefined {
    switch (event.kind) {
      case "message":
        if (event.level === 0) this.#messages.push(event.text);
        return tellsOfCache(event) ? nixMessage(event.text)[0] : undefined;
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
        this.#warnOfCompiling(storeName(event.path));
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

  /** Caches have these of every released nixpkgs: to build one is to build the world. */
  #warnOfCompiling(name: string): void {
    if (this.#hasWarned || !/^(bootstrap-|stdenv-|glibc-\d|gcc-\d|llvm-\d|linux-\d)/.test(name)) {
      return;
    }
    this.#hasWarned = true;
    this.#warning = `Nix compiles ${name} from source, which takes hours with all that it needs: ` +
      "no binary cache gave it. Is the network up, and does `nix config show substituters` name one?";
  }

  /** Why the build failed, in Nix's words, with what the builder that failed printed last. */
  failure(): NixboxError {
    const message = this.#cause();
    const failed = [...this.#builds.values()]
      .find(({ path }) => message.some((line) => line.includes(path)));
    const log = [...message.slice(1, 12), ...(failed?.log ?? [])];
    const [first = "Nix gave no reason"] = message;
    return new NixboxError(`the build failed: ${withOwnPaths(first)}`, {
      hint: hintFor([...message, ...log]),
      log: log.map(withOwnPaths),
    });
  }

  /** The first error is the cause; the ones after it are of what needed the thing that failed. */
  #cause(): string[] {
    const first = this.#messages.find((text) => /error:/.test(text));
    return nixMessage(first ?? this.#messages.join("\n"));
  }
}

/** Warnings (level 1) of a binary cache that does not answer. */
function tellsOfCache(event: NixLogEvent & { kind: "message" }): boolean {
  return event.level === 1 && /binary cache|unable to download/i.test(event.text);
}
