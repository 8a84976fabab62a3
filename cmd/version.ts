/** The version; deno.json has the same, and a test checks that. */
export const version = "0.1.0"; // x-release-please-version
