/** Variables that decide what programs load and run: setting them is not what `env` is for. */
const refused: readonly RegExp[] = [
  /^PATH$/,
  /^LD_/,
  /^DYLD_/,
  /^BASH_ENV$/,
  /^BASH_FUNC_/,
  /^ENV$/,
  /^IFS$/,
  /^PS4$/,
  /^PROMPT_COMMAND$/,
  /^SHELLOPTS$/,
  /^BASHOPTS$/,
  /^(HOME|USER|LOGNAME|SHELL|PWD|UID|EUID|PPID)$/,
];

/** Linux starts no program with a longer string in its environment (MAX_ARG_STRLEN, execve(2)). */
const longest = 131_072;

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** Why a variable must not be set; `undefined` if it may. */
export function problemWithVariable(name: string, value: string): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
    return "must be a variable's name: letters, digits and _, not beginning with a digit";
  }
  if (refused.some((pattern) => pattern.test(name))) {
    return "must not be set here: it decides what the guest's programs load and run";
  }
  if (value.includes("\0")) return "must not have a NUL byte in its value";
  if (byteLength(name) + byteLength(value) + 2 > longest) {
    return `must have at most ${longest} bytes, its name included: no program could be started with it`;
  }
  return undefined;
}
