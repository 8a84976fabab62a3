// copies ~/.claude.json of this host into the machine: settings, MCP servers; no keys, no histories
import { openProject } from "nixbox";

const file = `${Deno.env.get("HOME")}/.claude.json`;
// Of projects there is what was typed in each; a key of the API's would be good for everything.
const left = ["projects", "primaryApiKey", "customApiKeyResponses", "oauthAccount"];
let text: string;
try {
  const config: unknown = JSON.parse(await Deno.readTextFile(file));
  if (typeof config !== "object" || config === null) throw new SyntaxError("no object");
  const kept = Object.entries(config).filter(([key]) => !left.includes(key));
  text = `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`;
} catch (error) {
  const isMissing = error instanceof Deno.errors.NotFound;
  console.error(
    isMissing ? `there is no ${file}: start claude once on this host` : `${file} is not JSON`,
  );
  Deno.exit(1);
}
const project = await openProject(Deno.env.get("NIXBOX_PROJECT") ?? ".");
await project.writeFile("~/.claude.json", text, { mode: 0o600 });
console.error("the machine has ~/.claude.json as it is here now, without account and projects");
