import assert from "node:assert/strict";
import fc from "fast-check";
import { parseMountSpec } from "../../../lib/share/mount_spec.ts";

const plain = { readonly: false, overlay: false };

const right: readonly (readonly [string, object])[] = [
  [".:/mnt/x", { source: ".", target: "/mnt/x", ...plain }],
  ["~/data:~/data:ro", { source: "~/data", target: "~/data", readonly: true, overlay: false }],
  ["/a b/it's:/c d", { source: "/a b/it's", target: "/c d", ...plain }],
  ["/a,b:/c,d:rw", { source: "/a,b", target: "/c,d", ...plain }],
  ["daten/größe:/mnt//größe/", { source: "daten/größe", target: "/mnt/größe", ...plain }],
  ["cache:~/.cache/x:overlay", {
    source: "cache",
    target: "~/.cache/x",
    readonly: false,
    overlay: true,
  }],
  ["type=bind,source=/a:b,target=/c", { source: "/a:b", target: "/c", ...plain }],
  ['type=bind,"source=/a,b",dst=/c,readonly', {
    source: "/a,b",
    target: "/c",
    readonly: true,
    overlay: false,
  }],
  ['"src=/say ""hi""",target=/c,overlay=true', {
    source: '/say "hi"',
    target: "/c",
    readonly: false,
    overlay: true,
  }],
  ["a,b:/x", { source: "a,b", target: "/x", ...plain }],
  ["./type=bind:/x", { source: "./type=bind", target: "/x", ...plain }],
];

for (const [text, spec] of right) {
  Deno.test(`a share: ${text}`, () => assert.deepEqual(parseMountSpec(text), spec));
}

const wrong: readonly (readonly [string, RegExp])[] = [
  ["/only", /names no target/],
  [":/x", /source is empty/],
  ["/a:relative", /must be absolute/],
  ["/a:/", /must be absolute/],
  ["/a:/x/../y", /must not have \. or \.\./],
  ["/a:/proc/x", /must not lie in \/proc/],
  ["/a:/nix/store", /must not lie in \/nix/],
  ["/a:/b:/c:ro", /long form/],
  ["/a:/b:rx", /ro, rw, overlay/],
  ["/a\n:/b", /control/],
  ["type=volume,source=a,target=/b", /type must be bind/],
  ["type=bind,target=/b", /names no source/],
  ["source=/a", /names no target/],
  ["source=/a,target=/b,readonly=maybe", /true or false/],
  ["source=/a,source=/c,target=/b", /twice/],
  ["source=/a,taget=/b", /no key "taget"/],
  ['source="/a,target=/b', /double quotes/],
];

for (const [text, says] of wrong) {
  Deno.test(`no share: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseMountSpec(text), (error) => {
      assert.match(String(error), says);
      assert.equal(Reflect.get(Object(error), "exitCode"), 2);
      return true;
    });
  });
}

Deno.test("whatever a source is called, the long form can say it", () => {
  const name = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) =>
    // deno-lint-ignore no-control-regex -- these are refused
    !/[\x00-\x1f\x7f]/.test(text)
  );
  fc.assert(fc.property(name, (source) => {
    const quoted = `"source=/${source.replaceAll('"', '""')}"`;
    const spec = parseMountSpec(`type=bind,${quoted},target=/x,readonly`);
    assert.deepEqual(spec, { source: `/${source}`, target: "/x", readonly: true, overlay: false });
  }));
});
