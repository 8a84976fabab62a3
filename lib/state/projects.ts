import type { Project } from "../config/config.ts";
import { NixboxError } from "../base/error.ts";
import { directoryIdentity, writeTextAtomically } from "../host/files/files.ts";
import type { Host } from "../host/host.ts";
import { parseJson } from "../base/json.ts";
import { readRegularFile } from "../host/files/regular_file.ts";
import { type Check, isObjectOf, isOneOf, isString } from "../base/type_guards.ts";

/** A project that this user has used nixbox in: its `.nixbox` has keys, and no guest may see it. */
export interface KnownProject {
  /** The version of this format. */
  readonly version: 1;
  /** Real path of its directory. */
  readonly directory: string;
  /** "DEVICE:INODE" of it. */
  readonly identity: string;
}

const isKnownProject: Check<KnownProject> = isObjectOf<KnownProject>({
  version: isOneOf(1),
  directory: isString,
  identity: isString,
});

const largestFile = 65_536;

/** Notes that a project is used, so that other projects' machines do not see its `.nixbox`. */
export async function noteProject(
  host: Pick<Host, "paths">,
  project: Pick<Project, "id" | "directory">,
): Promise<void> {
  const directory = `${host.paths.state}/projects/${project.id}`;
  const known: KnownProject = {
    version: 1,
    directory: project.directory,
    identity: await directoryIdentity(project.directory),
  };
  const text = `${JSON.stringify(known)}\n`;
  const path = `${directory}/project.json`;
  try {
    if (await Deno.readTextFile(path) === text) return;
  } catch {
    // Not there, or not readable: it is written, or that fails.
  }
  await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  await writeTextAtomically(path, text);
}

/**
 * All projects that this user has used, whether they are there still or not.
 *
 * @throws {NixboxError} if what is known of one cannot be read: it could lie in any share.
 */
export async function knownProjects(host: Pick<Host, "paths">): Promise<readonly KnownProject[]> {
  const directory = `${host.paths.state}/projects`;
  const known: KnownProject[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(directory)) {
      if (!isDirectory) continue;
      const path = `${directory}/${name}/project.json`;
      const bytes = await readRegularFile(path, largestFile);
      if (bytes === undefined) continue;
      const value = parseJson(new TextDecoder().decode(bytes));
      if (!isKnownProject(value)) throw unreadable(path);
      known.push(value);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return known;
}

function unreadable(path: string): NixboxError {
  return new NixboxError(`${path} does not tell which project it belongs to`, {
    where: path,
    hint: "remove the file; `nixbox setup` in the project writes it again",
  });
}
