import assert from "node:assert/strict";
import fc from "fast-check";
import { problemWithRange } from "../../../lib/config/private_range.ts";
import { formatIpv4, isInRanges, parseIpv4, parseIpv4Range } from "../../../lib/base/ipv4.ts";

Deno.test("addresses are read and written", () => {
  fc.assert(fc.property(fc.ipV4(), (text) => {
    assert.equal(formatIpv4(parseIpv4(text) ?? -1), text);
  }));
  for (const bad of ["", "1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4.5", "a.b.c.d", " 1.2.3.4"]) {
    assert.equal(parseIpv4(bad), undefined, bad);
  }
});

Deno.test("ranges hold their addresses and no other", () => {
  assert.ok(isInRanges("10.1.255.255", ["10.1.0.0/16"]));
  assert.ok(!isInRanges("10.2.0.0", ["10.1.0.0/16"]));
  assert.ok(isInRanges("10.1.2.0/24", ["192.168.0.0/16", "10.0.0.0/8"]));
  assert.ok(!isInRanges("10.0.0.0/7", ["10.0.0.0/8"]));
  for (const bad of ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/8/8", "x/8"]) {
    assert.equal(parseIpv4Range(bad), undefined, bad);
  }
});

const ranges: readonly (readonly [string, RegExp | undefined])[] = [
  ["10.1.0.0/16", undefined],
  ["192.168.1.5", undefined],
  ["169.254.169.254/32", undefined],
  ["10.1.2.0/16", /has host bits: write 10\.1\.0\.0\/16/],
  ["168.63.129.16", undefined],
  ["8.8.8.0/24", undefined],
  ["8.8.8.0/23", /must be a network that the host may be in/],
  ["127.0.0.1/32", /must be a network that the host may be in/],
  ["224.0.0.0/24", /must be a network that the host may be in/],
  ["0.0.0.0/0", /must be a network that the host may be in/],
  ["10.1.0.0/40", /must be an IPv4 range/],
  ["fd00::/8", /must be an IPv4 range/],
];

for (const [text, problem] of ranges) {
  Deno.test(`allowPrivate: ${text} is ${problem === undefined ? "fine" : "refused by its rule"}`, () => {
    if (problem === undefined) assert.equal(problemWithRange(text), undefined);
    else assert.match(problemWithRange(text) ?? "", problem);
  });
}
