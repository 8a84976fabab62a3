/** A relative path that stands in a Nix text outside strings and comments. */
export interface PathLiteral {
  readonly path: string;
  /** It goes on with `${...}`: `path` is what stands before that. */
  readonly isComputed: boolean;
}

type Mode = "code" | "string" | "indented string";

/** Tokens by the grammar of the Nix manual, "String literal", "Path literal" and "Comments". */
const ignoredInCode =
  /#[^\n\r]*|\/\*[^]*?\*\/|<[\w.+-]+(?:\/[\w.+-]+)*>|[A-Za-z][\w+.-]*:[\w%/?:@&=+$,.!~*'-]+/y;
const homePathInCode = /~(?:\/[\w.+-]+)+/y;
const pathInCode = /[\w.+-]*(?:\/[\w.+-]+)+(?:\/(?=\$\{))?|[\w.+-]*\/(?=\$\{)/y;
const wordInCode = /[A-Za-z_][\w'-]*/y;
const ignoredInString = /\\[^]|\$[^{"\\]/y;
const ignoredInIndentedString = /'''|''\$|''\\[^]|\$[^{']/y;

/** Finds the relative paths that a Nix text names, in order. */
export function pathLiterals(text: string): PathLiteral[] {
  return allPathLiterals(text).filter(({ path }) => !/^[/~]/.test(path));
}

/** Finds all paths that a Nix text names, absolute ones and those of the home directory too. */
export function allPathLiterals(text: string): PathLiteral[] {
  const found: PathLiteral[] = [];
  const modes: Mode[] = ["code"];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const [token] = pattern.exec(text) ?? [];
    if (token) at += token.length;
    return token;
  };
  const goesOnWith = (token: string) => text.startsWith(token, at);
  const enter = (mode: Mode, length: number) => {
    modes.push(mode);
    at += length;
  };
  const leave = (length: number) => {
    modes.pop();
    at += length;
  };
  const stepInCode = () => {
    if (take(ignoredInCode)) return;
    const path = take(homePathInCode) ?? take(pathInCode);
    if (path) {
      found.push({ path, isComputed: goesOnWith("${") });
    } else if (goesOnWith("''")) enter("indented string", 2);
    else if (goesOnWith('"')) enter("string", 1);
    else if (goesOnWith("${")) enter("code", 2);
    else if (goesOnWith("{")) enter("code", 1);
    else if (goesOnWith("}")) leave(1);
    else if (!take(wordInCode)) at++;
  };
  const stepInString = (ignored: RegExp, end: string) => {
    if (take(ignored)) return;
    if (goesOnWith(end)) leave(end.length);
    else if (goesOnWith("${")) enter("code", 2);
    else at++;
  };
  while (at < text.length) {
    const mode = modes.at(-1) ?? "code";
    if (mode === "code") stepInCode();
    else if (mode === "string") stepInString(ignoredInString, '"');
    else stepInString(ignoredInIndentedString, "''");
  }
  return found;
}
