// starts claude in the machine, in the directory that maps to this one; takes claude's own options
import { openProject } from "nixbox";

const project = await openProject(Deno.env.get("NIXBOX_PROJECT") ?? ".");
Deno.exit(
  await project.run(["claude", ...Deno.args], {
    directory: Deno.env.get("NIXBOX_DIRECTORY") ?? Deno.cwd(),
    tty: "auto",
  }),
);
