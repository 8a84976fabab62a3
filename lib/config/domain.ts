/** A domain in its normal form, or why the text is not one. */
export type ParsedDomain =
  | { readonly domain: string; readonly problem?: never }
  | { readonly domain?: never; readonly problem: string };

/**
 * Reads a domain of the config into its normal form: lower case, international names in punycode,
 * no trailing dot. `*.example.org` stays as it is: the names under it, not it itself.
 */
export function parseDomain(text: string): ParsedDomain {
  const isWild = text.startsWith("*.");
  const name = (isWild ? text.slice(2) : text).replace(/\.$/, "");
  if (/[/\\]/.test(name)) return { problem: "must be a host name only, without a slash" };
  if (/[\s#*:@?%,'"]/.test(name) || name === "") {
    return { problem: "must be a host name, such as example.org or *.example.org" };
  }
  const ascii = toAscii(name);
  if (ascii === undefined) return { problem: "must be a host name, such as example.org" };
  if (/^[\d.]+$/.test(ascii)) return { problem: "must be a name, not an address" };
  const labels = ascii.split(".");
  const isValid = ascii.length <= 253 &&
    labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
  if (!isValid) return { problem: "must have labels of 1 to 63 of a-z, 0-9 and -" };
  return { domain: isWild ? `*.${ascii}` : ascii };
}

/** International names to punycode, as browsers do it (the URL Standard, host parsing). */
function toAscii(name: string): string | undefined {
  try {
    return new URL(`http://${name}/`).hostname;
  } catch {
    return undefined;
  }
}
