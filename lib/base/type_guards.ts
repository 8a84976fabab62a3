/**
 * Type guards for what was read back from our own files. Every command reads records, and zod would make
 * each of them half as slow again to start (docs/decisions/019); these few lines are all that flat
 * records need.
 */
export type Check<T> = (value: unknown) => value is T;

/** Any string. */
export const isString: Check<string> = (value) => typeof value === "string";

/** `true` or `false`. */
export const isBoolean: Check<boolean> = (value) => typeof value === "boolean";

/** A finite number. */
export const isNumber: Check<number> = (value): value is number =>
  typeof value === "number" && Number.isFinite(value);

/** A whole number. */
export const isInteger: Check<number> = (value): value is number => Number.isInteger(value);

/** One of a few values. */
export function isOneOf<const T extends string | number>(...values: readonly T[]): Check<T> {
  return (value): value is T => values.some((allowed) => allowed === value);
}

/** A value that may be absent. */
export function isOptional<T>(check: Check<T>): Check<T | undefined> {
  return (value): value is T | undefined => value === undefined || check(value);
}

/** A value that passes one of two checks. */
export function isEither<T, U>(one: Check<T>, other: Check<U>): Check<T | U> {
  return (value): value is T | U => one(value) || other(value);
}

/** A list whose every item passes. */
export function isArrayOf<T>(check: Check<T>): Check<readonly T[]> {
  return (value): value is readonly T[] => Array.isArray(value) && value.every(check);
}

/** An object with these keys, each of which passes, and no others. */
export function isObjectOf<T extends object>(
  checks: { readonly [K in keyof T]-?: Check<T[K]> },
): Check<T> {
  const entries = Object.entries<Check<unknown>>(checks);
  const known = new Set(Object.keys(checks));
  return (value): value is T =>
    typeof value === "object" && value !== null &&
    Object.keys(value).every((key) => known.has(key)) &&
    entries.every(([key, check]) => check(Reflect.get(value, key)));
}
