import type { Config } from "./types.ts";

/** The config with the values of `env` covered: names are no secret, values may be. */
export function maskSecrets(config: Config): Config {
  const env = Object.fromEntries(Object.keys(config.env).map((name) => [name, "***"]));
  return { ...config, env };
}
