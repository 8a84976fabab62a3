import { parentOf } from "../../../lib/base/paths.ts";

/** Makes a tree of files in a new directory: text for a file, `{ link }` for a symlink. */
export async function makeTree(
  files: Readonly<Record<string, string | { readonly link: string }>>,
): Promise<string> {
  const root = await Deno.realPath(await Deno.makeTempDir({ prefix: "nixbox tree's " }));
  for (const [name, content] of Object.entries(files)) {
    const path = `${root}/${name}`;
    await Deno.mkdir(parentOf(path), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.symlink(content.link, path);
  }
  return root;
}

/** Makes a tree for one test. */
export async function withTree(
  files: Readonly<Record<string, string | { readonly link: string }>>,
  test: (root: string) => Promise<void>,
): Promise<void> {
  const root = await makeTree(files);
  try {
    await test(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
