import { NixboxError } from "../../../base/error.ts";

/** What vfkit or Apple's framework say when they cannot start a machine, and what fixes it. */
const causes: readonly { readonly says: RegExp; readonly hint: string }[] = [
  {
    says: /entitlement|com\.apple\.security\.virtualization/i,
    hint:
      "this vfkit is not signed for virtualization: install Nixpkgs' or Homebrew's again, and " +
      "change nothing in the file",
  },
  {
    says: /maximumAllowedMemorySize|memory ?size/i,
    hint: "this Mac gives no machine so much memory: lower resources.memoryMB",
  },
  {
    says: /maximumAllowedCPUCount|cpu ?count/i,
    hint: "this Mac gives no machine so many processors: lower resources.vcpus",
  },
  {
    says: /rosetta/i,
    hint: "install it once: `softwareupdate --install-rosetta`, or take rosetta = true out",
  },
  {
    says: /unknown (flag|shorthand flag|option|device type)/i,
    hint:
      "this vfkit is older than what nixbox starts it with (0.6): `nixbox update` builds a newer " +
      "one, or `brew upgrade vfkit` for a runner of your own",
  },
  {
    says: /bind: address already in use/i,
    hint: "an earlier run left a socket: `nixbox down`, then `nixbox up`",
  },
  {
    says: /unable to load kernel|not supported.*kernel|kernel.*(compressed|format)/i,
    hint: "vfkit boots plain kernels only (Image): rebuild with `nixbox build -f`",
  },
];

/** Adds to an error of a boot what the user can do about it, where the log says why. */
export function explainVfkit(error: unknown): unknown {
  if (!(error instanceof NixboxError)) return error;
  const text = [error.message, ...error.log].join("\n");
  const found = causes.find(({ says }) => says.test(text));
  if (found === undefined || error.hint === found.hint) return error;
  return new NixboxError(error.message, {
    hint: found.hint,
    log: error.log,
    ...(error.where === undefined ? {} : { where: error.where }),
    cause: error,
  });
}
