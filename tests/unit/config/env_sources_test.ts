import assert from "node:assert/strict";
import { resolveEnv } from "../../../lib/config/env_sources.ts";
import type { EnvValue } from "../../../lib/config/config.ts";

const directory = await Deno.makeTempDir();
const project = { directory: "/the/project", configDirectory: directory };
const reader = {
  variable: (name: string) => new Map([["TOKEN", "from env\n"], ["EMPTY", ""]]).get(name),
};
const resolve = (env: Record<string, EnvValue>) => resolveEnv(project, env, reader);

Deno.test("values come from commands, files and the caller's variables", async () => {
  await Deno.writeTextFile(`${directory}/token`, "two\nlines\n\n");
  const env = await resolve({
    PLAIN: "plain\n",
    COMMAND: { command: ["sh", "-c", "pwd; cat; printf 'b=%s\\n' \"$1\"", "sh", "a b"] },
    FILE: { file: `${directory}/token` },
    VARIABLE: { fromEnv: "TOKEN" },
    EMPTY: { fromEnv: "EMPTY" },
  });
  assert.deepEqual(env, {
    PLAIN: "plain\n",
    COMMAND: `${directory}\nb=a b`,
    FILE: "two\nlines\n",
    VARIABLE: "from env\n",
    EMPTY: "",
  });
});

const wrong: readonly (readonly [string, EnvValue, RegExp])[] = [
  ["a variable that is not set", { fromEnv: "NONE" }, /env\.X: the variable NONE is not set/],
  ["a file that is not there", { file: "/nowhere" }, /env\.X: \/nowhere cannot be read/],
  ["a command that fails", { command: ["sh", "-c", "echo value; exit 3"] }, /env\.X: .*exit 3/],
  ["a command that is not there", { command: ["no-such-command"] }, /env\.X: .*no such program/],
  ["a value with a NUL", { command: ["printf", "a\\0b"] }, /env\.X must not have a NUL/],
  ["a value too long", { command: ["head", "-c", "131072", "/etc/../dev/zero"] }, /env\.X must/],
];

for (const [what, source, says] of wrong) {
  Deno.test(`${what} is named, and its value is not shown`, async () => {
    await assert.rejects(resolve({ X: source }), (error) => {
      assert.match(String(error), says);
      assert.doesNotMatch(JSON.stringify(error), /value\b.*\n/);
      return true;
    });
  });
}

Deno.test("a file that is not text is refused", async () => {
  await Deno.writeFile(`${directory}/binary`, new Uint8Array([0xff, 0xfe, 0x41]));
  await assert.rejects(resolve({ X: { file: `${directory}/binary` } }), /is not text in UTF-8/);
});
