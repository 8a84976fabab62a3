import { NixboxError } from "../../../base/error.ts";
import { nameOf, parentOf } from "../../../base/paths.ts";
import { exists, fileError } from "../../../host/files/files.ts";

/**
 * Directories in which the runner makes disks that are not there yet. The hypervisor sees them whole, and
 * so they must hold nothing else.
 *
 * @param disks Absolute paths.
 * @throws {NixboxError} that names the disk and what lies beside it.
 */
export async function placesOfNewDisks(disks: readonly string[]): Promise<readonly string[]> {
  const places = new Set<string>();
  for (const disk of disks) {
    if (await exists(disk)) continue;
    const place = parentOf(disk);
    const other = namesIn(place).find((name) =>
      !disks.some((one) => parentOf(one) === place && nameOf(one) === name)
    );
    if (other !== undefined) throw notAlone(disk, other);
    places.add(place);
  }
  return [...places];
}

function namesIn(directory: string): readonly string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch (error) {
    throw fileError(`${directory} cannot be read, where a disk is to be made`, error);
  }
}

function notAlone(disk: string, other: string): NixboxError {
  return new NixboxError(`the disk ${disk} is not there yet, and ${other} lies beside it`, {
    where: "microvm.volumes",
    hint:
      "the hypervisor that makes it would see all of that directory: give the disk a directory " +
      "that holds nothing else, or a path without one",
  });
}
