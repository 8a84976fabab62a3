/** A whole number of seconds from 1 to a day. Its error text is shown after the option's name. */
export function parseSeconds(input: string): number {
  const seconds = Number(input);
  if (!/^\d+$/.test(input) || seconds < 1 || seconds > 86400) {
    throw new SyntaxError(`"${input}" is not a number of seconds from 1 to 86400`);
  }
  return seconds;
}
