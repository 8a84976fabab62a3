import * as z from "../base/zod.ts";
import { NixboxError } from "../base/error.ts";
import { normalTarget, problemWithTarget } from "../base/guest_path.ts";
import { parseDomain } from "./domain.ts";
import { isGuestUser } from "./facts.ts";
import { problemWithRange } from "./private_range.ts";
import { problemWithVariable } from "./variables.ts";
import { nearest } from "./nearest.ts";
import type { Config } from "./config.ts";

/** A check with the rule's own words; zod puts key and place to it. */
function rule<T>(holds: (value: T) => boolean, text: string) {
  return z.refine<T>(holds, { error: text });
}

const natural = (least: number, most: number) =>
  z.int().check(
    rule((value) => value >= least && value <= most, `must be from ${least} to ${most}`),
  );

const hostName = z.string().check(
  rule(
    (name) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name),
    "must be a host name: 1 to 63 of a-z, 0-9 and -, not at the ends",
  ),
);

const path = z.string().check(
  // deno-lint-ignore no-control-regex -- control characters are what is refused
  rule((text) => !/[\x00-\x1f]/.test(text), "must not have control characters"),
  rule((text) => text.startsWith("/"), "must be a path"),
);

const target = z.string().check((context) => {
  const problem = problemWithTarget(context.value);
  if (problem === undefined) return;
  context.issues.push({ code: "custom", message: problem, input: context.value });
});

const domain = z.pipe(
  z.string(),
  z.transform((text, context) => {
    const parsed = parseDomain(text);
    if (parsed.domain !== undefined) return parsed.domain;
    context.issues.push({ code: "custom", message: parsed.problem, input: text });
    return z.NEVER;
  }),
);

const ipv4 = z.string().check(
  rule(
    (text) => /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(text),
    "must be an IPv4 address",
  ),
);

const privateRange = z.string().check((context) => {
  const problem = problemWithRange(context.value);
  if (problem === undefined) return;
  context.issues.push({ code: "custom", message: problem, input: context.value });
});

const attributeName = z.string().check(
  rule(
    (text) => /^[A-Za-z_][A-Za-z0-9_'+-]*(\.[A-Za-z_][A-Za-z0-9_'+-]*)*$/.test(text),
    "must be a package's name in nixpkgs, such as nodejs or python3Packages.numpy",
  ),
);

const envSources = [
  z.strictObject({ command: z.array(z.string()).check(z.minLength(1)) }),
  z.strictObject({ file: path }),
  z.strictObject({ fromEnv: z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_]*$/)) }),
] as const;

const envValue = z.union([z.string(), ...envSources], {
  error:
    'must be a string, { command = [ "WORD" ... ]; }, { file = PATH; } or { fromEnv = "NAME"; }',
});

const environment = z.record(z.string(), envValue).check((context) => {
  for (const [name, value] of Object.entries(context.value)) {
    const problem = problemWithVariable(name, typeof value === "string" ? value : "");
    if (problem === undefined) continue;
    context.issues.push({ code: "custom", message: problem, path: [name], input: name });
  }
});

const nameBelow = z.string().check(
  rule(
    (text) => text.split("/").every((part) => part !== "" && part !== "." && part !== ".."),
    "must be a name, or names with /, below the directory that is shared",
  ),
  // deno-lint-ignore no-control-regex -- control characters are what is refused
  rule((text) => !/[\x00-\x1f]/.test(text), "must not have control characters"),
);

const mounts = z.array(
  z.strictObject({
    source: path,
    target,
    readonly: z._default(z.boolean(), false),
    overlay: z._default(z.boolean(), false),
    optional: z.optional(z.boolean()),
    protect: z.optional(z.array(nameBelow)),
    only: z.optional(z.array(nameBelow).check(z.minLength(1))),
  }),
).check((context) => {
  const seen = new Set<string>();
  context.value.forEach((mount, index) => {
    if (mount.only !== undefined && !mount.readonly && !mount.overlay) {
      const message = "needs readonly = true or overlay = true";
      context.issues.push({ code: "custom", message, path: [index, "only"], input: mount.only });
    }
    const plain = normalTarget(mount.target);
    if (seen.has(plain)) {
      const message = "must not be the target of two mounts";
      context.issues.push({ code: "custom", message, path: [index, "target"], input: plain });
    }
    seen.add(plain);
  });
});

const commands = z.array(z.string());

/** What nix/resolve.nix gives: strict, so that a misspelt key is an error and not ignored. */
export const configSchema = z.strictObject({
  name: hostName,
  resources: z.strictObject({
    vcpus: natural(1, 256),
    memoryMB: natural(256, 1048576),
    diskGB: natural(1, 65536),
  }),
  hypervisor: z.enum(["auto", "cloud-hypervisor", "qemu", "vfkit"]),
  rosetta: z.boolean(),
  mounts,
  network: z.strictObject({
    mode: z.enum(["open", "filtered", "off"]),
    // Names that differ only in how they were written are one.
    domains: z.pipe(z.array(domain), z.transform((domains) => [...new Set(domains)])),
    ports: z.array(natural(1, 65535)),
    inspect: z.boolean(),
    allowHost: z.array(natural(1, 65535)),
    allowPrivate: z.array(privateRange),
    dns: z.array(ipv4),
  }),
  nix: z.strictObject({
    packages: z.array(attributeName),
    ldLibraries: z.array(attributeName),
    modules: z.array(path),
  }),
  env: environment,
  scripts: z.array(z.strictObject({ path, optional: z._default(z.boolean(), false) })),
  hooks: z.strictObject({
    "pre-up": commands,
    "post-up": commands,
    "pre-down": commands,
    "post-down": commands,
  }),
  plugins: z.array(z.strictObject({ name: z.string(), path })),
  user: z.string().check(
    rule(isGuestUser, "must be a login name that a NixOS guest leaves free: a-z, 0-9, _ and -"),
  ),
});

/**
 * Checks what nix/resolve.nix gave.
 *
 * @throws {NixboxError} that names every key that is wrong, with its value and the rule.
 */
export function checkConfig(resolved: unknown, configFile: string): Config {
  const result = configSchema.safeParse(resolved);
  if (result.success) return result.data;
  const problems = result.error.issues.flatMap((issue) => describe(issue, resolved));
  const [first, ...others] = problems;
  throw new NixboxError(first ?? "the config is wrong", {
    where: configFile,
    hint: "fix the config; `nixbox init` in an empty directory shows what can be in it",
    log: others,
  });
}

function describe(issue: z.core.$ZodIssue, resolved: unknown): string[] {
  const key = keyText(issue.path);
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(issue.path);
    return issue.keys.map((unknown) => {
      const near = nearest(unknown, known);
      const full = key === "" ? unknown : `${key}.${unknown}`;
      return `${full}: there is no such key${near === undefined ? "" : `; did you mean ${near}?`}`;
    });
  }
  // Values of env are secrets: only the name is shown.
  if (issue.path[0] === "env") return [`${key}: ${ruleOf(issue)}`];
  return [`${key} is ${shown(valueAt(resolved, issue.path))}: ${ruleOf(issue)}`];
}

function ruleOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_value") return `must be one of ${issue.values.join(", ")}`;
  if (issue.code === "invalid_type") {
    return `must be ${typeWords[issue.expected] ?? issue.expected}`;
  }
  return issue.message;
}

const typeWords: Readonly<Record<string, string>> = {
  string: "a string",
  // All numbers of a config are whole.
  number: "a whole number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a set",
  record: "a set",
};

function keyText(path: readonly PropertyKey[]): string {
  return path.map((part, index) =>
    typeof part === "number" ? `[${part}]` : `${index === 0 ? "" : "."}${String(part)}`
  ).join("");
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at = value;
  for (const part of path) {
    if (typeof at !== "object" || at === null) return undefined;
    at = Reflect.get(at, part);
  }
  return at;
}

function shown(value: unknown): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** The keys that the schema knows at a place, for suggestions. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  const shapes: Readonly<Record<string, readonly string[]>> = {
    "": Object.keys(configSchema.shape),
    resources: Object.keys(configSchema.shape.resources.shape),
    network: Object.keys(configSchema.shape.network.shape),
    nix: Object.keys(configSchema.shape.nix.shape),
    hooks: Object.keys(configSchema.shape.hooks.shape),
    mounts: ["source", "target", "readonly", "overlay", "optional", "protect", "only"],
    scripts: ["path", "optional"],
  };
  return [...(shapes[String(path[0] ?? "")] ?? [])];
}
