/** What `--help` prints of one command. */
export interface CommandHelp {
  /** Its words after `nixbox`; empty for the whole program's. */
  readonly command: string;
  readonly help: string;
}

/** A part of a help text: what stands above its first heading has none. */
interface Section {
  readonly heading: string;
  readonly lines: readonly string[];
}

/**
 * Makes the manual page nixbox(1) of the help texts, which are the one place where commands and
 * options are described. The format is man(7) of groff and mandoc.
 */
export function manPage(version: string, whole: string, commands: readonly CommandHelp[]): string {
  const page = [
    `.TH NIXBOX 1 "" "nixbox ${version}" "User Commands"`,
    ".SH NAME",
    "nixbox \\- run untrusted code in a disposable NixOS microVM",
    ".SH SYNOPSIS",
    ".B nixbox",
    "COMMAND [OPTIONS] [ARGUMENTS]",
    ".br",
    ".B nixbox",
    "PLUGIN COMMAND [ARGUMENTS]",
    ".SH DESCRIPTION",
    ...sectionsOf(whole).flatMap(({ heading, lines }) =>
      // What a page has in its own sections.
      ["USAGE", "FLAGS", "COMMANDS"].includes(heading) ? [] : renderSection({ heading, lines })
    ),
    ".SH COMMANDS",
    ...commands.flatMap(({ command, help }) => [
      `.SS nixbox ${text(command)}`,
      ...sectionsOf(help).flatMap(renderSection),
    ]),
    ".SH EXIT STATUS",
    "0 ok, 1 failure, 2 wrong use, 3 the machine is not running; of",
    ".B nixbox run",
    "what the command ended with.",
  ];
  return `${page.join("\n")}\n`;
}

/** Headings are lines of capitals at the margin, before which a line is empty. */
function sectionsOf(help: string): Section[] {
  const sections: { heading: string; lines: string[] }[] = [{ heading: "", lines: [] }];
  for (const line of help.replace(/\s+$/, "").split("\n")) {
    if (/^[A-Z]{4,}$/.test(line)) sections.push({ heading: line, lines: [] });
    else sections.at(-1)?.lines.push(line);
  }
  return sections.flatMap((section) => {
    const body = section.lines.join("\n").replace(/^\n+|\n+$/g, "");
    return body === "" ? [] : splitUsage(section.heading, body);
  });
}

/** After the usage lines, which are indented, comes the description, which is not. */
function splitUsage(heading: string, body: string): Section[] {
  const lines = body.split("\n");
  const end = lines.findIndex((line) => line !== "" && !line.startsWith(" "));
  if (heading === "" || end < 0) return [{ heading, lines }];
  const usage = lines.slice(0, end).filter((line) => line !== "");
  return [{ heading, lines: usage }, { heading: "", lines: lines.slice(end) }];
}

/** Indented lines are columns that must stay as they are; others are running text. */
function renderSection({ heading, lines }: Section): string[] {
  const title = heading === "" || heading === "USAGE" ? [] : [".PP", `.I ${heading.toLowerCase()}`];
  if (lines.some((line) => line.startsWith(" "))) {
    return [...title, ".PP", ".nf", ...lines.map(text), ".fi"];
  }
  return [...title, ".PP", ...lines.map((line) => line === "" ? ".PP" : text(line))];
}

/** A backslash, a minus, and what would be a request at a line's start (groff_man(7)). */
function text(line: string): string {
  return line.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^(\s*)([.'])/, "$1\\&$2");
}
