/**
 * The rules of imports: one direction between rooms and between folders, no circles, no import whose
 * target is not in the text, the OS only in lib/host.
 */

/** Rooms on the middle floor, which may share types only. */
const rooms = [
  ...["config", "build", "runner", "hypervisor", "network", "share", "guest", "state", "git"],
];

export interface Import {
  readonly from: string;
  readonly to: string;
  readonly isTypeOnly: boolean;
}

/** Every import of the program's files. */
export async function findImports(root: string): Promise<readonly Import[]> {
  const files = await sources(root, ["main.ts", "mod.ts", "cmd", "lib", "packaging"]);
  const found = await Promise.all(
    files.map(async (file) => importsOf(file, await Deno.readTextFile(`${root}/${file}`))),
  );
  return found.flat();
}

/** Everything that breaks the rules: one sentence each. */
export async function findImportProblems(root: string): Promise<string[]> {
  const files = await sources(root, ["main.ts", "mod.ts", "cmd", "lib", "packaging"]);
  const imports: Import[] = [];
  const problems: string[] = [];
  for (const file of files) {
    const text = await Deno.readTextFile(`${root}/${file}`);
    imports.push(...importsOf(file, text));
    if (/\bimport\((?!\s*")/.test(withoutComments(text))) {
      problems.push(`${file} computes what it imports`);
    }
    if (/Deno\.build\.(os|arch)/.test(text) && !file.startsWith("lib/host/")) {
      problems.push(`${file} asks which OS it is on: that is lib/host's to know`);
    }
  }
  for (const found of imports) {
    const problem = directionProblem(found);
    if (problem !== undefined) problems.push(problem);
  }
  const loading = imports.filter(({ isTypeOnly }) => !isTypeOnly);
  problems.push(...circles(loading));
  problems.push(...circles(loading.map(betweenFolders).filter(({ from, to }) => from !== to)));
  return problems;
}

async function sources(root: string, names: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const name of names) {
    if (name.endsWith(".ts")) {
      files.push(name);
      continue;
    }
    const entries = await Array.fromAsync(Deno.readDir(`${root}/${name}`));
    const inside = entries.filter((entry) => entry.isDirectory || entry.name.endsWith(".ts"));
    files.push(...await sources(root, inside.map((entry) => `${name}/${entry.name}`)));
  }
  return files;
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}

/** An import as one of a folder by another: a newcomer reads them from the lowest up. */
function betweenFolders({ from, to, isTypeOnly }: Import): Import {
  const folder = (file: string) =>
    file.includes("/") ? file.slice(0, file.lastIndexOf("/")) : "top";
  return { from: folder(from), to: folder(to), isTypeOnly };
}

export function importsOf(file: string, text: string): Import[] {
  const directory = file.includes("/") ? file.slice(0, file.lastIndexOf("/")) : "";
  const statements = [
    ...text.matchAll(/^(?:import|export)\s+(type\s)?([^;]*?)\sfrom\s+"(\.[^"]+)"/gms),
  ];
  const fromStatements = statements.map(([, type, names = "", path = ""]) => ({
    from: file,
    to: join(directory, path),
    isTypeOnly: type !== undefined || onlyTypes(names),
  }));
  const dynamic = [...text.matchAll(/import\(\s*"(\.[^"]+)",?\s*\)/g)].map(([, path = ""]) => ({
    from: file,
    to: join(directory, path),
    isTypeOnly: false,
  }));
  const bare = [...text.matchAll(/^import\s+"(\.[^"]+)"/gm)].map(([, path = ""]) => ({
    from: file,
    to: join(directory, path),
    isTypeOnly: false,
  }));
  return [...fromStatements, ...dynamic, ...bare];
}

/** `{ type A, type B }` */
function onlyTypes(names: string): boolean {
  const list = /^\{(.*)\}$/s.exec(names.trim())?.[1];
  if (list === undefined) return false;
  const parts = list.split(",").map((part) => part.trim()).filter((part) => part !== "");
  return parts.every((part) => part.startsWith("type "));
}

function join(directory: string, path: string): string {
  const parts = directory === "" ? [] : directory.split("/");
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== ".") parts.push(part);
  }
  return parts.join("/");
}

function roomOf(file: string): string {
  return /^lib\/(\w+)\//.exec(file)?.[1] ?? /^(cmd|packaging)\//.exec(file)?.[1] ?? "top";
}

const floors: Readonly<Record<string, number>> = {
  top: 5,
  cmd: 4,
  packaging: 4,
  lifecycle: 3,
  host: 1,
  base: 0,
};

function directionProblem({ from, to, isTypeOnly }: Import): string | undefined {
  const [upper, lower] = [roomOf(from), roomOf(to)];
  if (upper === lower) return undefined;
  if (rooms.includes(upper) && rooms.includes(lower)) {
    return isTypeOnly ? undefined : `${from} imports ${to}: rooms share types only`;
  }
  const height = (room: string) => floors[room] ?? 2;
  if (height(upper) > height(lower) || (upper === "host" && isTypeOnly)) return undefined;
  return `${from} imports ${to}: imports run from cmd to lifecycle to the rooms to host to base`;
}

/** Circles of imports that load code; a type-only import loads none. */
function circles(imports: readonly Import[]): string[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of imports) next.set(from, [...(next.get(from) ?? []), to]);
  const problems: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      problems.push(`circle: ${[...path.slice(path.indexOf(file)), file].join(" -> ")}`);
      return;
    }
    if (done.has(file)) return;
    for (const target of next.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) visit(file, []);
  return problems;
}
