import { NixboxError } from "../base/error.ts";

/**
 * A kernel command line with words added at its end.
 *
 * @throws {NixboxError} for a parameter that would be several, or none.
 */
export function withKernelParams(cmdline: string, params: readonly string[]): string {
  for (const param of params) {
    if (/^[^\s"]+$/.test(param)) continue;
    throw new NixboxError(`the kernel parameter ${JSON.stringify(param)} is not one word`);
  }
  return [cmdline, ...params].filter((part) => part !== "").join(" ");
}
