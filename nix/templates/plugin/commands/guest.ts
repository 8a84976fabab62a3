// asks the machine for its name: nixbox my-plugin guest
import { openProject } from "nixbox";

const project = await openProject(Deno.env.get("NIXBOX_PROJECT") ?? ".");
const { stdout } = await project.output(["uname", "-n"]);
console.log(`the machine calls itself ${stdout.trim()}`);
