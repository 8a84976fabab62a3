/** The one place of the version; deno.json and nix/package.nix are checked against it by a test. */
export const version = "0.1.0";
