/** A relative path that stands in a Nix text outside strings and comments. */
export interface PathLiteral {
  readonly path: string;
  /** It goes on with `${...}`: `path` is what stands before that. */
  readonly isComputed: boolean;
}

/** A path or a plain string of a Nix text, with the attribute that it is a value of. */
export interface Literal extends PathLiteral {
  readonly isString: boolean;
  /**
   * Names of the attributes that it lies in, joined by dots, lists not counted: `scripts.path` in
   * `scripts = [ { path = ./x; } ]`. Empty in parentheses and in `${...}`, where it may be anything.
   */
  readonly attribute: string;
}

type Mode = "code" | "string" | "indented string";

/** Tokens by the grammar of the Nix manual, "String literal", "Path literal" and "Comments". */
const ignoredInCode =
  /#[^\n\r]*|\/\*[^]*?(?:\*\/|$)|<[\w.+-]+(?:\/[\w.+-]+)*>|[A-Za-z][\w+.-]*:[\w%/?:@&=+$,.!~*'-]+/y;
const homePathInCode = /~(?:\/[\w.+-]+)+/y;
const pathInCode = /[\w.+-]*(?:\/[\w.+-]+)+(?:\/(?=\$\{))?|[\w.+-]*\/(?=\$\{)/y;
const wordInCode = /[A-Za-z_][\w'-]*/y;
const ignoredInString = /\\[^]|\$[^{"\\]/y;
const ignoredInIndentedString = /'''|''\$|''\\[^]|\$[^{']/y;

const attributeInCode =
  /([A-Za-z_][\w'-]*(?:\s*\.\s*(?:[A-Za-z_][\w'-]*|"[^"\\$]*")){0,16})\s*=(?!=)/y;
// What has no path in it has none further in: to try again at each character would take forever.
const runInCode = /[\w.+-]+/y;
const stringInCode = /"((?:[^"\\$]|\\[^]|\$(?!\{))*)"/y;

/** Finds the relative paths that a Nix text names, in order. */
export function pathLiterals(text: string): PathLiteral[] {
  return literals(text).filter(({ path, isString }) => !isString && !/^[/~]/.test(path))
    .map(({ path, isComputed }) => ({ path, isComputed }));
}

/** A bracket that is open: what values in it are of, and the attribute that was named last in it. */
interface Level {
  readonly mode: Mode;
  readonly outer: string;
  attribute: string;
}

/** Finds all paths and plain strings of a Nix text, absolute paths and those of the home too. */
export function literals(text: string): Literal[] {
  const found: Literal[] = [];
  const levels: Level[] = [{ mode: "code", outer: "", attribute: "" }];
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const result = pattern.exec(text);
    if (!result?.[0]) return undefined;
    at += result[0].length;
    return result;
  };
  const take = (pattern: RegExp): string | undefined => match(pattern)?.[0];
  const goesOnWith = (token: string) => text.startsWith(token, at);
  const level = (): Level => levels.at(-1) ?? { mode: "code", outer: "", attribute: "" };
  const enter = (mode: Mode, length: number, outer = "", attribute = outer) => {
    levels.push({ mode, outer, attribute });
    at += length;
  };
  const leave = (length: number) => {
    if (levels.length > 1) levels.pop();
    at += length;
  };
  const add = (path: string, isString: boolean) =>
    found.push({ path, isString, isComputed: goesOnWith("${"), attribute: level().attribute });
  const stepInCode = () => {
    if (take(ignoredInCode)) return;
    const { outer, attribute } = level();
    const path = take(homePathInCode) ?? take(pathInCode);
    if (path) add(path, false);
    else if (goesOnWith("''")) enter("indented string", 2);
    else if (goesOnWith('"')) {
      const string = match(stringInCode)?.[1];
      if (string === undefined) enter("string", 1);
      else add(string.replace(/\\([^])/g, "$1"), true);
    } else if (goesOnWith("${")) enter("code", 2);
    else if (goesOnWith("{")) enter("code", 1, attribute === "" ? "" : `${attribute}.`, "");
    else if (goesOnWith("[")) enter("code", 1, outer, attribute);
    else if (goesOnWith("(")) enter("code", 1);
    else if (/[}\])]/.test(text[at] ?? "")) leave(1);
    else if (goesOnWith(";")) {
      level().attribute = "";
      at++;
    } else {
      const name = match(attributeInCode)?.[1];
      if (name !== undefined) level().attribute = outer + name.replace(/[\s"]/g, "");
      else if (!take(wordInCode) && !take(runInCode)) at++;
    }
  };
  const stepInString = (ignored: RegExp, end: string) => {
    if (take(ignored)) return;
    if (goesOnWith(end)) leave(end.length);
    else if (goesOnWith("${")) enter("code", 2);
    else at++;
  };
  while (at < text.length) {
    const { mode } = level();
    if (mode === "code") stepInCode();
    else if (mode === "string") stepInString(ignoredInString, '"');
    else stepInString(ignoredInIndentedString, "''");
  }
  return found;
}
