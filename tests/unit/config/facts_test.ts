import { strictEqual as assertEquals } from "node:assert/strict";
import fc from "fast-check";
import { guestUserOf, hostNameOf } from "../../../lib/config/facts.ts";
import { checkConfig } from "../../../lib/config/schema.ts";
import { sampleWith } from "./sample.ts";

for (
  const [directory, name] of [
    ["/home/ada/my-project", "my-project"],
    ["/home/ada/My Project (2)", "my-project-2"],
    ["/srv/.hidden", "hidden"],
    ["/srv/__init__", "init"],
    [`/srv/${"a".repeat(62)}-b`, "a".repeat(62)],
    ["/srv/日本", "nixbox"],
    ["/", "nixbox"],
  ] as const
) {
  Deno.test(`a project in ${directory.slice(0, 30)} is called ${name.slice(0, 20)}`, () => {
    assertEquals(hostNameOf(directory), name);
  });
}

Deno.test("whatever a directory and a host user are called, their defaults pass the check", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), fc.string(), (directory, user) => {
    const name = hostNameOf(`/srv/${directory}`);
    checkConfig(sampleWith({ name, user: guestUserOf(user) }), "c");
  }));
});

for (
  const [host, guest] of [
    ["ada", "ada"],
    ["ada.lovelace", "nixbox"],
    ["Ada", "nixbox"],
    ["root", "nixbox"],
    ["nobody", "nixbox"],
    ["sshd", "nixbox"],
    ["_svc-1", "_svc-1"],
    ["", "nixbox"],
  ] as const
) {
  Deno.test(`a host's ${JSON.stringify(host)} is the guest's ${guest}`, () => {
    assertEquals(guestUserOf(host), guest);
  });
}
