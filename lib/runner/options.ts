/** One `key=value` of an option list; `value` is absent for a bare word such as `readonly`. */
export interface Option {
  readonly key: string;
  readonly value?: string;
  /** How it stood in the runner; it is written so again. Absent for what nixbox made. */
  readonly spelling?: string;
}

/** How a hypervisor writes the commas and quotes within its option lists. */
export interface OptionSyntax {
  split(text: string): string[];
  escape(value: string): string;
  unescape(value: string): string;
}

/** QEMU: a comma in a value is doubled (qemu(1), "-drive file=my,,file"). */
export const qemuSyntax: OptionSyntax = {
  split(text) {
    const parts: string[] = [];
    let part = "";
    for (let at = 0; at < text.length; at++) {
      if (text.startsWith(",,", at)) {
        part += ",,";
        at++;
      } else if (text[at] === ",") {
        parts.push(part);
        part = "";
      } else part += text[at] ?? "";
    }
    return [...parts, part];
  },
  escape: (value) => value.replaceAll(",", ",,"),
  unescape: (value) => value.replaceAll(",,", ","),
};

/**
 * cloud-hypervisor (its option_parser crate): commas within double quotes or brackets do not split,
 * quotes are taken off, and a doubled one within quotes stands for itself.
 */
export const cloudHypervisorSyntax: OptionSyntax = {
  split(text) {
    const parts = [""];
    let depth = 0;
    let isQuoted = false;
    for (const character of text) {
      if (character === '"') isQuoted = !isQuoted;
      else if (!isQuoted && character === "[") depth++;
      else if (!isQuoted && character === "]") depth--;
      if (character === "," && depth === 0 && !isQuoted) parts.push("");
      else parts[parts.length - 1] += character;
    }
    return parts;
  },
  // A value is trimmed before its quotes are taken off.
  escape: (value) => /[,"[\]]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value,
  unescape: (value) =>
    value.replace(/"((?:[^"]|"")*)"/g, (_, inner) => inner.replaceAll('""', '"')),
};

/** vfkit splits at every comma; only its bootloader's cmdline may stand in double quotes. */
export const vfkitSyntax: OptionSyntax = {
  split(text) {
    const parts = [""];
    let isQuoted = false;
    for (const character of text) {
      if (character === '"') isQuoted = !isQuoted;
      if (character === "," && !isQuoted) parts.push("");
      else parts[parts.length - 1] += character;
    }
    return parts;
  },
  escape: (value) => /[, ]/.test(value) ? `"${value}"` : value,
  unescape: (value) => value.replace(/^"(.*)"$/s, "$1"),
};

export function parseOptions(text: string, syntax: OptionSyntax): Option[] {
  return syntax.split(text).map((spelling) => {
    const equals = spelling.indexOf("=");
    if (equals < 0) return { key: syntax.unescape(spelling), spelling };
    const value = syntax.unescape(spelling.slice(equals + 1));
    return { key: spelling.slice(0, equals), value, spelling };
  });
}

export function writeOptions(options: readonly Option[], syntax: OptionSyntax): string {
  return options.map(({ key, value, spelling }) => {
    if (spelling !== undefined) return spelling;
    return value === undefined ? syntax.escape(key) : `${key}=${syntax.escape(value)}`;
  }).join(",");
}

export function optionValue(options: readonly Option[], key: string): string | undefined {
  return options.find((option) => option.key === key)?.value;
}

/** Whether a switch is on: `readonly`, `readonly=on`, `readonly=true`. */
export function isOn(options: readonly Option[], ...keys: readonly string[]): boolean {
  return options.some(({ key, value }) =>
    keys.includes(key) && /^(on|true|yes)$/i.test(value ?? "on")
  );
}

/** Sets one option, in its place or at the end; the others stay as they are. */
export function withOption(options: readonly Option[], key: string, value: string): Option[] {
  const changed = options.map((option) => option.key === key ? { key, value } : option);
  return changed.some((option) => option.key === key) ? changed : [...changed, { key, value }];
}

export function withoutOption(options: readonly Option[], ...keys: readonly string[]): Option[] {
  return options.filter((option) => !keys.includes(option.key));
}

/** `{ key: value }` without the keys whose option is absent. */
export function namedValues<Name extends string>(
  options: readonly Option[],
  names: Readonly<Record<Name, string>>,
): { [name in Name]?: string } {
  const found: { [name in Name]?: string } = {};
  for (const name in names) {
    const value = optionValue(options, names[name]);
    if (value !== undefined) found[name] = value;
  }
  return found;
}

/** Sizes as both hypervisors write them ("65536M", "4G", "512"; QEMU's bare number is MiB) in MiB. */
export function sizeMB(text: string, bareUnit: "M" | "B"): number | undefined {
  const match = /^(\d+)([KMGT]?)(?:i?B)?$/i.exec(text);
  if (match === null) return undefined;
  const factors: Record<string, number> = {
    K: 1 / 1024,
    M: 1,
    G: 1024,
    T: 1048576,
    B: 1 / 1048576,
  };
  return Number(match[1]) * (factors[(match[2] ?? "").toUpperCase() || bareUnit] ?? 1);
}
