import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { cached, type CachedThing } from "../lab/cache.ts";
import { parseIndexTargets } from "../lab/debian.ts";
import { testArguments } from "../lab/e2e.ts";
import { parseArguments } from "../lab/enter.ts";

Deno.test("lab: of apt's sources only Debian's own count, with the release of the lab", () => {
  const targets = [
    "Debian|main|bookworm|http://mirror.test/debian/",
    "Debian|main|bookworm-updates|http://mirror.test/debian/",
    "Debian|main|bookworm-security|http://mirror.test/security/",
    "Debian|contrib|bookworm|http://mirror.test/debian/",
    "Debian Backports|main|bookworm-backports|http://mirror.test/debian/",
    "Debian|main|bookworm-backports|http://mirror.test/debian/",
    ". nodistro|main|nodistro|http://other.test/node/",
    "|main|bookworm|http://unsigned.test/",
    "",
  ];
  deepEqual(parseIndexTargets(targets.join("\n")), [
    { uri: "http://mirror.test/debian/", component: "main", suite: "trixie" },
    { uri: "http://mirror.test/debian/", component: "main", suite: "trixie-updates" },
    { uri: "http://mirror.test/security/", component: "main", suite: "trixie-security" },
  ]);
});

Deno.test("lab: the command is what follows the options, unchanged", () => {
  deepEqual(parseArguments([]), { user: "root", command: [] });
  deepEqual(parseArguments(["shell"]), { user: "root", command: ["bash", "-l"] });
  deepEqual(parseArguments(["--user", "dev", "--", "sh", "-c", "a b", "--"]), {
    user: "dev",
    command: ["sh", "-c", "a b", "--"],
  });
  deepEqual(parseArguments(["--", "--user", "dev"]), { user: "root", command: ["--user", "dev"] });
  throws(() => parseArguments(["--user", "nobody"]), /no user "nobody"/);
});

Deno.test("lab: e2e tests are chosen by name, and deno test's options pass through", () => {
  const names = ["boot", "lab"];
  deepEqual(testArguments([], names), ["tests/e2e/"]);
  deepEqual(testArguments(["--", "lab"], names), ["tests/e2e/lab_test.ts"]);
  deepEqual(testArguments(["--filter", "boot", "--fail-fast", "lab"], names), [
    ...["--filter", "boot", "--fail-fast", "tests/e2e/lab_test.ts"],
  ]);
  throws(() => testArguments(["labs"], names), /no tests\/e2e\/labs_test\.ts/);
});

async function inTemporaryDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function counted(definition: string): CachedThing & { builds: number } {
  return {
    name: "thing",
    definition: [definition],
    builds: 0,
    async build(directory) {
      this.builds++;
      await Deno.writeTextFile(`${directory}/made`, definition);
    },
  };
}

Deno.test("lab: a thing is built once, by one of two who want it, and again when it changes", () =>
  inTemporaryDirectory(async (cache) => {
    const thing = counted("first");
    const both = await Promise.all([1, 2].map(() => cached(cache, thing, () => {})));
    equal(both[0], both[1]);
    equal(thing.builds, 1);
    const changed = await cached(cache, counted("second"), () => {});
    equal(await Deno.readTextFile(`${changed}/made`), "second");
    equal(await Deno.readTextFile(`${both[0]}/made`), "first");
  }));

Deno.test("lab: a build that failed half-way is not taken for a whole one", () =>
  inTemporaryDirectory(async (cache) => {
    const thing = counted("whole");
    const failing: CachedThing = {
      ...thing,
      async build(directory) {
        await Deno.writeTextFile(`${directory}/made`, "half");
        throw new Error("out of packages");
      },
    };
    await rejects(cached(cache, failing, () => {}), /out of packages/);
    const directory = await cached(cache, thing, () => {});
    equal(await Deno.readTextFile(`${directory}/made`), "whole");
  }));
