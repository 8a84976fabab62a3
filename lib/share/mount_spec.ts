import { NixboxError } from "../base/error.ts";
import { normalTarget, problemWithTarget } from "../base/guest_path.ts";

/** One share as the command line names it. */
export interface MountSpec {
  /** On the host, as it was written: absolute, relative, or `~/...`. */
  readonly source: string;
  /** In the guest: absolute, or `~/...`. */
  readonly target: string;
  /** The host refuses every change. */
  readonly readonly: boolean;
  /** The guest may change it; the changes stay in the guest's memory. */
  readonly overlay: boolean;
}

/** A source that begins like this is written "./type=..." in the short form. */
const isLong = /^"?(type|source|src|target|destination|dst|readonly|ro|overlay)[=,]/;

const forms = "SRC:DST[:ro|:overlay], or type=bind,source=SRC,target=DST[,readonly|,overlay]";

/**
 * Reads a share in one of the two forms that users of docker know. The long one is a line of CSV
 * (RFC 4180): a field with a comma in it stands in double quotes, and `""` is one of them.
 *
 * @throws {NixboxError} (wrong use) that says what is wrong with it.
 */
export function parseMountSpec(text: string): MountSpec {
  const spec = isLong.test(text) ? longForm(text) : shortForm(text);
  const problem = problemWithTarget(spec.target);
  if (problem !== undefined) throw wrong(text, `the target ${spec.target} ${problem}`);
  // deno-lint-ignore no-control-regex -- control characters are what is refused
  if (/[\x00-\x1f\x7f]/.test(spec.source)) {
    throw wrong(text, "the source must not have control characters");
  }
  return { ...spec, target: normalTarget(spec.target) };
}

function shortForm(text: string): MountSpec {
  const parts = text.split(":");
  const mode = parts.length > 2 ? parts.at(-1) ?? "" : "rw";
  const isKnown = mode === "rw" || mode === "ro" || mode === "overlay";
  const [source = "", target = ""] = parts;
  if (parts.length === 1) throw wrong(text, "it names no target in the guest");
  if (parts.length > 3 || !isKnown) {
    throw wrong(
      text,
      "paths with colons need the long form; after the target come ro, rw, overlay",
    );
  }
  if (source === "") throw wrong(text, "the source is empty");
  return { source, target, readonly: mode === "ro", overlay: mode === "overlay" };
}

const names: Readonly<Record<string, "type" | "source" | "target" | "readonly" | "overlay">> = {
  type: "type",
  source: "source",
  src: "source",
  target: "target",
  destination: "target",
  dst: "target",
  readonly: "readonly",
  ro: "readonly",
  overlay: "overlay",
};

function longForm(text: string): MountSpec {
  const found: Record<string, string> = {};
  for (const field of csvFields(text)) {
    const [, key = "", value = "true"] = /^([^=]*)(?:=(.*))?$/s.exec(field) ?? [];
    const name = names[key];
    if (name === undefined) throw wrong(text, `it has no key "${key}"`);
    if (found[name] !== undefined) throw wrong(text, `${name} is there twice`);
    found[name] = value;
  }
  const { type = "bind", source, target } = found;
  if (type !== "bind") throw wrong(text, `type must be bind, not ${type}`);
  if (source === undefined || source === "") throw wrong(text, "it names no source");
  if (target === undefined || target === "") throw wrong(text, "it names no target in the guest");
  return {
    source,
    target,
    readonly: truth(text, "readonly", found["readonly"]),
    overlay: truth(text, "overlay", found["overlay"]),
  };
}

function truth(text: string, name: string, value: string | undefined): boolean {
  if (value === undefined || value === "false" || value === "0") return false;
  if (value === "true" || value === "1") return true;
  throw wrong(text, `${name} must be true or false, not ${value}`);
}

function csvFields(text: string): string[] {
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (match === null) throw wrong(text, "its double quotes do not close around a whole field");
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === ",") {
      if (field.lastIndex === text.length) fields.push("");
    } else break;
  }
  return fields;
}

function wrong(text: string, what: string): NixboxError {
  return new NixboxError(`"${text}" is not a share: ${what}`, {
    hint: `write ${forms}`,
    exitCode: 2,
  });
}
