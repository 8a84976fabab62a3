/** The examples of the library's documentation, as programs that are checked with all others. */
import * as z from "../lib/base/zod.ts";

const documentation = z.object({
  nodes: z.record(
    z.string(),
    z.object({
      module_doc: z.unknown(),
      symbols: z.array(z.object({
        name: z.string(),
        declarations: z.array(z.object({ kind: z.string(), jsDoc: z.unknown(), def: z.unknown() })),
      })),
    }),
  ),
});

/** What a tree's mod.ts exports, and what it says of itself, as `deno doc --json` tells it. */
export async function readDocumentation(root: string) {
  const args = ["doc", "--json", "mod.ts"];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: root }).output();
  const whole = documentation.parse(JSON.parse(new TextDecoder().decode(stdout)));
  const [module] = Object.values(whole.nodes);
  if (module === undefined) throw new Error("deno doc tells nothing of mod.ts");
  return module;
}

/** The examples in a Markdown text. */
export function examplesIn(text: string): string[] {
  return [...text.matchAll(/^```ts\n(.*?)^```/gms)].map(([, code = ""]) => code);
}

/** The examples in all texts that stand as `doc` anywhere in a value of JSON. */
export function documentedExamples(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "doc" && typeof inner === "string" ? examplesIn(inner) : documentedExamples(inner)
  );
}

/** Writes each example of the library's and of README.md as a program in dist/; gives their paths. */
export async function writeExamples(root: string): Promise<string[]> {
  const module = await readDocumentation(root);
  const readme = await Deno.readTextFile(`${root}/README.md`);
  const directory = `${root}/dist/examples`;
  await Deno.remove(directory, { recursive: true }).catch(() => {});
  await Deno.mkdir(directory, { recursive: true });
  const examples = [...documentedExamples(module), ...examplesIn(readme)];
  return await Promise.all(examples.map(async (code, index) => {
    const file = `${directory}/example${index}.ts`;
    await Deno.writeTextFile(file, programOf(code));
    return file;
  }));
}

/** README.md imports by path. What an example computes its reader may use, so it counts as used. */
function programOf(code: string): string {
  const names = [...code.matchAll(/^const (\w+) =/gm)].map(([, name]) => `void ${name};\n`);
  return `${code.replaceAll('from "./mod.ts"', 'from "nixbox"')}\n${names.join("")}`;
}
