import { isWithin } from "../base/paths.ts";

/**
 * Which of the host's private directories a share would show, and must therefore be masked in it.
 * `undefined` if the share itself lies in one of them, which must not be shared at all.
 *
 * @param source Real path of the share.
 * @param directories Real paths: the project's `.nixbox`, where nixbox keeps records, sockets, code.
 */
export function masksFor(
  source: string,
  directories: readonly string[],
): readonly string[] | undefined {
  if (directories.some((directory) => isWithin(source, directory))) return undefined;
  const inside = [...new Set(directories)].filter((directory) => isWithin(directory, source));
  // What lies in a directory that is masked already needs no further mask.
  return inside.filter((directory) =>
    !inside.some((other) => other !== directory && isWithin(directory, other))
  );
}

/** Where on the host a machine can write. */
export function writableSources(
  shares: readonly { readonly source: string; readonly readonly: boolean }[],
): readonly string[] {
  return shares.filter(({ readonly }) => !readonly).map(({ source }) => source);
}
