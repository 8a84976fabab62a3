/** Quotes one word for a POSIX shell: everything between single quotes is literal but those. */
export function quoteWord(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * The command line for the guest's sshd, which hands it to the login shell. The words of `argv`
 * arrive unchanged; one single word is a line of shell.
 *
 * A directory that the guest lacks is an error by itself (exit 1), not a wrong place to run in.
 *
 * @param now The host's time in milliseconds since 1970, for a guest that slept with it.
 */
export function remoteCommand(
  argv: readonly string[],
  directory: string,
  now = Date.now(),
): string {
  const [only, ...more] = argv;
  if (only === undefined) throw new TypeError("remoteCommand: empty argv");
  const command = more.length === 0
    ? `eval ${quoteWord(only)}`
    : `exec ${argv.map(quoteWord).join(" ")}`;
  return `${enter(directory, now)} && ${command}`;
}

/** The command line that starts the user's login shell in a directory. */
export function remoteShell(directory: string, now = Date.now()): string {
  return `${enter(directory, now)} && exec "\${SHELL:-/bin/sh}" -l`;
}

function enter(directory: string, now: number): string {
  const variables = "if [ -r /run/nixbox/env.sh ]; then . /run/nixbox/env.sh; fi";
  return `${catchUp(now)}; ${variables}; cd -- ${quoteWord(directory)}`;
}

/** A guest that is so many seconds behind has slept; what was set on purpose seldom goes back. */
const slackSeconds = 30;

/**
 * A machine's clock stands while its host sleeps, and no time server is in reach of it: signed
 * requests and certificates would fail.
 */
function catchUp(now: number): string {
  const seconds = Math.floor(now / 1000);
  const isBehind = `[ "$(date +%s)" -lt ${seconds - slackSeconds} ]`;
  return `if ${isBehind}; then sudo -n date -s @${seconds}; fi >/dev/null 2>&1 </dev/null`;
}
