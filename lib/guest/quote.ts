/** Quotes one word for a POSIX shell: everything between single quotes is literal but those. */
export function quoteWord(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * The command line for the guest's sshd, which hands it to the login shell. The words of `argv`
 * arrive unchanged; one single word is a line of shell.
 *
 * A directory that the guest lacks is an error of its own (exit 1), not a wrong place to run in.
 */
export function remoteCommand(argv: readonly string[], directory: string): string {
  const [only, ...more] = argv;
  if (only === undefined) throw new TypeError("remoteCommand: empty argv");
  const command = more.length === 0
    ? `eval ${quoteWord(only)}`
    : `exec ${argv.map(quoteWord).join(" ")}`;
  return `${enter(directory)} && ${command}`;
}

/** The command line that starts the user's login shell in a directory. */
export function remoteShell(directory: string): string {
  return `${enter(directory)} && exec "\${SHELL:-/bin/sh}" -l`;
}

function enter(directory: string): string {
  return `if [ -r /run/nixbox/env.sh ]; then . /run/nixbox/env.sh; fi; cd -- ${
    quoteWord(directory)
  }`;
}
