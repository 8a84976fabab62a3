import type { Project } from "../../config/config.ts";
import { findProjectIfAny } from "../../config/find.ts";
import { messageOf } from "../../base/error.ts";
import type { Host } from "../../host/host.ts";
import type { Check } from "./check.ts";
import { isEarlierProject, migrateHint } from "../../config/earlier_tool.ts";

/** What is to be said of the project that a directory belongs to; nothing where there is none. */
export async function checkProject(host: Host, directory: string): Promise<readonly Check[]> {
  const name = "project";
  let project: Project | undefined;
  try {
    project = await findProjectIfAny(host, directory);
  } catch (error) {
    return [{ name, state: "warning", detail: messageOf(error) }];
  }
  if (project === undefined || !await isEarlierProject(project)) return [];
  return [{
    name,
    state: "warning",
    detail: `${project.directory} is one of the earlier nixbox`,
    hint: migrateHint,
  }];
}
