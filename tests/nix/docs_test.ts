import assert from "node:assert/strict";
import { evaluate } from "./support/evaluate.ts";

const page = await Deno.readTextFile(new URL("../../docs/nix.md", import.meta.url));

/** First cells of a table's rows, without the marks of code. */
function column(heading: string): string[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  return section.split("\n").flatMap((line) => /^\| `([^`]+)` +\|/.exec(line)?.[1] ?? []);
}

/** Every option that a machine's modules set, to the last attribute, as dotted names. */
const leaves = `config:
  let
    leaves = prefix: value:
      if builtins.isAttrs value && value.type or null != "derivation" && value != { } then
        builtins.concatMap (name: leaves (prefix ++ [ name ]) value.\${name}) (builtins.attrNames value)
      else
        [ (builtins.concatStringsSep "." prefix) ];
  in
  leaves [ ] (removeAttrs config [ "nixbox" "system" ] // {
    microvm = removeAttrs config.microvm [ "vmHostPackages" "declaredRunner" ];
    # What the stand-in for NixOS declares itself.
    services = config.services // { openssh = removeAttrs config.services.openssh [ "package" ]; };
  })
  ++ (if config.microvm ? vmHostPackages then [ "microvm.vmHostPackages" ] else [ ])`;

async function optionsSet(): Promise<readonly string[]> {
  const docker = { files: { "module.nix": "{ nixbox.docker.enable = true; }" } };
  const all = await Promise.all([
    evaluate(leaves, docker),
    evaluate(leaves, { hypervisor: "cloud-hypervisor" }),
    evaluate(leaves, { hypervisor: "vfkit", hostSystem: "aarch64-darwin" }),
  ]);
  const names = all.flatMap((one) => {
    assert.ok(Array.isArray(one));
    return one.map(String);
  });
  return [...new Set(names)];
}

Deno.test("docs/nix.md names every option that the guest sets, and none that it does not", async () => {
  const documented = [
    ...column("Every option that is set, and who declares it"),
    "system.stateVersion",
  ];
  const set = [...await optionsSet(), "system.stateVersion"];
  const covers = (option: string, leaf: string) => leaf === option || leaf.startsWith(`${option}.`);
  const missing = set.filter((leaf) => !documented.some((option) => covers(option, leaf)));
  assert.deepEqual(missing, []);
  const idle = documented.filter((option) => !set.some((leaf) => covers(option, leaf)));
  assert.deepEqual(idle, []);
});

Deno.test("docs/nix.md lists the options of nixbox's guest, all of them", async () => {
  const files = await Array.fromAsync(Deno.readDir(new URL("../../nix/guest/", import.meta.url)));
  const declared: string[] = [];
  const names = await evaluate(
    `c: let walk = prefix: v: if builtins.isAttrs v && v.type or null != "derivation" then
        builtins.concatMap (n: walk (prefix ++ [ n ]) v.\${n}) (builtins.attrNames v)
      else [ (builtins.concatStringsSep "." prefix) ]; in walk [ "nixbox" ] c.nixbox`,
  );
  assert.ok(Array.isArray(names) && files.length > 10);
  declared.push(...names.map(String));
  assert.deepEqual(column("Options of the guest").sort(), declared.sort());
});
