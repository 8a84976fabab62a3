import { commands, groups } from "./commands.ts";
import { table } from "./table.ts";

/** What `nixbox --help` prints. Of a command, `nixbox COMMAND --help` tells more. */
export function helpText(): string {
  return `USAGE
  nixbox [OPTIONS] COMMAND [ARGUMENTS]

${description}

EXAMPLES
  nixbox init && nixbox up     write an example config, then boot the machine
  nixbox run -- make test      run a command in it
  nixbox shell                 open a shell in it
  nixbox down                  stop it; its disk is kept for the next \`up\`

COMMANDS
${groups.map(groupText).join("\n")}
OPTIONS
${table(options).map((line) => `  ${line}`).join("\n")}

\`nixbox COMMAND --help\` tells more about a command, with examples.
`;
}

const description =
  `Runs untrusted code, above all AI coding agents, in a disposable NixOS microVM: one machine for each
project, which sees the project's directory and reaches what the project's config allows.`;

const options = [
  ["-p, --project DIR", "the project's directory, instead of the current one"],
  ["    --json", "print data as JSON, where a command prints data"],
  ["-q, --quiet", "print warnings and errors only"],
  ["    --verbose", "print every step, and where an error comes from"],
  ["    --no-color", "no colours (also: NO_COLOR=1)"],
  ["-h, --help", "print this help, or a command's"],
  ["-v, --version", "print the version"],
];

function groupText(group: typeof groups[number]): string {
  const listed = Object.entries(commands).filter(([, entry]) => !(entry.isHidden ?? false));
  const width = Math.max(...listed.map(([name]) => name.length)) + 2;
  const lines = listed.filter(([, entry]) => entry.group === group)
    .map(([name, { brief }]) => `    ${name.padEnd(width)}${brief}\n`);
  return `  ${group}\n${lines.join("")}`;
}
