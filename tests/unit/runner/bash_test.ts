import { deepStrictEqual } from "node:assert/strict";
import fc from "fast-check";
import { run } from "../../../lib/host/process/run.ts";
import { lexSimpleCommand } from "../../../lib/runner/lexer.ts";
import { type RunnerScript, writeScript } from "../../../lib/runner/script.ts";

/** Prints its arguments, each ended by a NUL. */
const dump = ["bash", "-c", 'printf "%s\\0" "$#" "$@"', "dump"];
const sampleCount = 200;

/** Runs scripts in one real bash, each in its own shell; gives what each one's program was given. */
async function wordsSeenByBash(scripts: readonly string[]): Promise<string[][]> {
  const { stdout } = await run(["bash"], {
    stdin: scripts.map((script) => `(\n${script}\n)\n`).join(""),
    env: { LC_ALL: "C.UTF-8" },
  });
  const fields = stdout.split("\0");
  return scripts.map(() => {
    const count = Number(fields.shift());
    return fields.splice(0, count);
  });
}

const argument = fc.oneof(
  fc.string({ unit: "binary" }).filter((text) => !text.includes("\0") && text.isWellFormed()),
  fc.string({ unit: fc.constantFrom(..."'\"\\$`\n\t !#&*;<>?[]{}()|~=aé€😀-") }),
);

Deno.test("bash gives the program the very words that were written", async () => {
  const samples = fc.sample(fc.array(argument, { maxLength: 8 }), sampleCount);
  const scripts = samples.map((argv) => {
    const script: RunnerScript = {
      prelude: "",
      processName: "microvm@it's",
      program: dump[0] ?? "",
      argv: [...dump.slice(1), ...argv],
      lines: [],
      line: 1,
      source: "test",
    };
    return writeScript(script);
  });
  deepStrictEqual(await wordsSeenByBash(scripts), samples);
});

/** Pieces of words, in every way of quoting. */
const plain = fc.string({ unit: fc.constantFrom(..."abc=:,./-+%@_#é"), minLength: 1 });
const anything = fc.string({ unit: fc.constantFrom(..."ab'\"\\$`\n\t !#&*;<>?[]{}()|~é😀") });
const piece = fc.oneof(
  plain.filter((text) => !text.startsWith("#")),
  anything.map((text) => `'${text.replaceAll("'", "")}'`),
  anything.map((text) => `"${text.replaceAll(/[\\"$`]/g, "\\$&")}"`),
  anything.map((text) => `"${text.replaceAll(/[\\"$`]/g, "")}\\a\\'\\\n"`),
  anything.map((text) => text.replaceAll(/[\s\S]/gu, "\\$&").replaceAll("\\\n", "")),
  fc.constantFrom("$'\\n\\t\\'\\\\'", "$'\\x41\\102\\u20ac\\U1f600\\cA\\e'", '$"x"', "\\\n"),
);
const word = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join(""));

Deno.test("the lexer and bash read the same words", async () => {
  const samples = fc.sample(fc.array(word, { maxLength: 6 }), sampleCount);
  const commands = samples.map((words) => `x ${words.join(" \\\n ")} # 'comment`);
  const seen = await wordsSeenByBash(
    commands.map((command) => `exec bash -c 'printf "%s\\0" "$#" "$@"' dump ${command.slice(2)}`),
  );
  commands.forEach((command, index) => {
    deepStrictEqual(lexSimpleCommand(command).words.slice(1), seen[index], command);
  });
});
