import { deepStrictEqual as assertEquals, ok } from "node:assert/strict";
import fc from "fast-check";
import { parseDomain } from "../../../lib/config/domain.ts";

for (
  const [text, domain] of [
    ["github.com", "github.com"],
    ["GitHub.COM", "github.com"],
    ["github.com.", "github.com"],
    ["*.github.com", "*.github.com"],
    ["a-b.c1.org", "a-b.c1.org"],
    ["_acme.example.org", "_acme.example.org"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["*.Bücher.example", "*.xn--bcher-kva.example"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["intranet", "intranet"],
  ] as const
) {
  Deno.test(`${text} is the domain ${domain}`, () => assertEquals(parseDomain(text), { domain }));
}

for (
  const text of [
    "",
    ".",
    "*",
    "*.",
    "#",
    "a#b.org",
    "a b.org",
    "a.org\n",
    "a..org",
    ".a.org",
    "a.org..",
    "-a.org",
    "a-.org",
    "a.*.org",
    "*a.org",
    "https://a.org",
    "a.org/x",
    "a.org\\x",
    "a.org:443",
    "user@a.org",
    "a.org?x",
    "a%2eorg",
    "a,b.org",
    "1.2.3.4",
    "0x7f.1",
    "2130706433",
    "*.1.2.3.4",
    "::1",
    "[::1]",
    "xn--\u{1f600}",
    `${"a".repeat(64)}.org`,
    `${"a.".repeat(130)}org`,
  ]
) {
  Deno.test(`${JSON.stringify(text).slice(0, 24)} is not a domain`, () => {
    ok(parseDomain(text).problem !== undefined);
  });
}

Deno.test("what is accepted can do no harm in dnsmasq's, nftables' or a shell's syntax", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    const { domain } = parseDomain(text);
    return domain === undefined || /^(\*\.)?[a-z0-9_.-]+$/.test(domain);
  }));
});

Deno.test("the normal form is its own normal form", () => {
  fc.assert(fc.property(fc.domain(), (text) => {
    const { domain } = parseDomain(text);
    ok(domain !== undefined);
    assertEquals(parseDomain(domain), { domain });
  }));
});
