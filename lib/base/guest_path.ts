import { isWithin } from "./paths.ts";

/** Where nothing of the host's may be mounted: the guest's own machinery. */
const reserved = ["/proc", "/sys", "/dev", "/nix", "/run/nixbox"];

/** Why a path of the guest cannot take a share; `undefined` where it can. */
export function problemWithTarget(target: string): string | undefined {
  // deno-lint-ignore no-control-regex -- control characters are what is refused
  if (/[\x00-\x1f\x7f]/.test(target)) return "must not have control characters";
  if (!/^(\/+[^/]|~\/+[^/])/.test(target)) return "must be absolute, or begin with ~/";
  if (/(^|\/)\.\.?(\/|$)/.test(target)) return "must not have . or .. in it";
  const plain = normalTarget(target);
  const inside = reserved.find((path) => isWithin(plain, path));
  return inside === undefined
    ? undefined
    : `must not lie in ${inside}, which the guest itself needs`;
}

/** A path of the guest without doubled and trailing slashes. */
export function normalTarget(target: string): string {
  return target.replace(/\/{2,}/g, "/").replace(/(.)\/$/, "$1");
}
