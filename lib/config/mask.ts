import type { Config } from "./config.ts";

/** The config with the values of `env` covered: names and sources are not secret, values may be. */
export function maskSecrets(config: Config): Config {
  const env = Object.fromEntries(
    Object.entries(config.env).map(([name, value]) => [
      name,
      typeof value === "string" ? "***" : value,
    ]),
  );
  return { ...config, env };
}
