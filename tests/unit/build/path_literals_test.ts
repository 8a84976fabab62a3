import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { literals, pathLiterals } from "../../../lib/build/path_literals.ts";

const found = (text: string) =>
  pathLiterals(text).map(({ path, isComputed }) => isComputed ? `${path}\${}` : path);

for (
  const [what, text, paths] of [
    ["imports", "{ imports = [ ./a.nix ../b/c.nix (import ./d) ]; }", [
      "./a.nix",
      "../b/c.nix",
      "./d",
    ]],
    ["a file that is read", "builtins.readFile ./motd-1.0+x.txt", ["./motd-1.0+x.txt"]],
    ["paths without a dot at their beginning", "[ lib/a.nix ]", ["lib/a.nix"]],
    ["the directory itself", "[ ./. ]", ["./."]],
    ["not strings", '{ a = "cd ../.. && ./run.sh"; }', []],
    ["not indented strings", "{ a = ''\n  cd ../..\n  ./run.sh\n''; }", []],
    ["code within strings", '"x ${./a.sh} y ${toString ./b} ./no"', ["./a.sh", "./b"]],
    ["code within indented strings", "'' ${./a.sh} ./no ''", ["./a.sh"]],
    ["not what is escaped in strings", '"\\${./no} \\" ./no $${./no}"', []],
    ["not what is escaped in indented strings", "'' ''${./no} ''' ./no ''\\n $${./no} ''", []],
    ["sets within code within strings", '"${f { a = "}"; b = ./a; }} ./no" + ./b', ["./a", "./b"]],
    ["not comments", "# ./no\n/* ./no\n ./no */ ./yes", ["./yes"]],
    ["an apostrophe in a word opens no string", "let x' = ./a; in x'", ["./a"]],
    ["not addresses and search paths", "[ https://a.org/x <nixpkgs/lib> ~/x ]", []],
    ["a division is not a path", "a / b", []],
    ["an update of a set is not a path", "a // b", []],
    ["where a computed path begins", "./plugins/${name}.nix", ["./plugins/${}"]],
    ["a computed name", "./m-${name}.nix", ["./m-${}"]],
    ["a string that does not end", '"./no', []],
  ] as const
) {
  Deno.test(`of a Nix text these are paths: ${what}`, () => assertEquals(found(text), paths));
}

Deno.test("absolute paths are left to Nix, which refuses them in a flake", () => {
  assertEquals(found("[ /etc/passwd ./a ]"), ["./a"]);
});

for (
  const [what, text] of [
    ["digits", "1".repeat(1_000_000)],
    ["dotted names", "a.".repeat(500_000)],
    ["spaced names", "a . ".repeat(250_000)],
    ["comments that do not end", "/*".repeat(500_000)],
    ["search paths that do not end", "<a".repeat(500_000)],
    ["strings that do not end", '"${'.repeat(300_000)],
    ["quotes", '"'.repeat(999_999)],
  ] as const
) {
  Deno.test(`a text of a million characters is read at once: ${what}`, () => {
    literals(text);
  });
}

for (
  const [text, expected] of [
    ["{ scripts = [ ./a { path = ./b; } ]; }", ["./a scripts", "./b scripts.path"]],
    ["{ mounts = [ { source = ../x; } ]; env.A.file = ./k; }", [
      "../x mounts.source",
      "./k env.A.file",
    ]],
    ["{ scripts = [ (f ./a) ]; }", ["./a "]],
    ['{ scripts = [ "${./a}" ]; }', ["./a "]],
    ["{ a = ./x; b = ./y; }", ["./x a", "./y b"]],
    ["{ a = b == ./x; }", ["./x a"]],
    ['{ "scripts" = [ ./a ]; }', ["./a "]],
  ] as const
) {
  Deno.test(`the attribute that a path is of: ${text}`, () => {
    const found = literals(text).filter(({ isString }) => !isString)
      .map(({ path, attribute }) => `${path} ${attribute}`);
    assertEquals(found, [...expected]);
  });
}
