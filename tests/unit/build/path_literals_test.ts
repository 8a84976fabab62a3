import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { pathLiterals } from "../../../lib/build/path_literals.ts";

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
    ["a division is none", "a / b", []],
    ["an update of a set is none", "a // b", []],
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
