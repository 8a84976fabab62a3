// copies ~/.claude.json of this host into the machine: account, settings, MCP servers
import { openProject } from "nixbox";

const file = `${Deno.env.get("HOME")}/.claude.json`;
let text: string;
try {
  text = await Deno.readTextFile(file);
  JSON.parse(text);
} catch (error) {
  const isMissing = error instanceof Deno.errors.NotFound;
  console.error(
    isMissing ? `there is no ${file}: start claude once on this host` : `${file} is no JSON`,
  );
  Deno.exit(1);
}
const project = await openProject(Deno.env.get("NIXBOX_PROJECT") ?? ".");
await project.writeFile("~/.claude.json", text, { mode: 0o600 });
console.error("the machine has ~/.claude.json as it is here now");
