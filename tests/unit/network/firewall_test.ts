import assert from "node:assert/strict";
import { slotAddresses } from "../../../lib/network/policy/addresses.ts";
import { firewallRules } from "../../../lib/network/rules/firewall.ts";
import { hostRules, routingBatch } from "../../../lib/network/rules/host_rules.ts";
import type { NetworkPolicy } from "../../../lib/network/policy/policy.ts";
import { examplePolicy } from "../support/record.ts";

const filtered: NetworkPolicy = { ...examplePolicy, mode: "filtered", ports: [22, 80, 443] };

const hostNetwork = {
  addresses: ["198.51.100.9"],
  subnets: ["198.51.100.0/24"],
  routes: ["198.51.100.0/24"],
};

/** The rules of slot 7; `chain` picks the inside of one chain. */
function rules(policy: Partial<NetworkPolicy>, chain?: string): string {
  const text = firewallRules({
    slot: slotAddresses(7),
    mac: "02:00:00:00:00:07",
    policy: { ...filtered, ...policy },
    hostNetwork,
  });
  if (chain === undefined) return text;
  return new RegExp(`chain ${chain} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*?)\\n  \\}`).exec(text)?.[1] ??
    "";
}

Deno.test("a namespace's rules are two tables, loaded in one go, that drop what they do not know", () => {
  for (const mode of ["open", "filtered", "off"] as const) {
    const text = rules({ mode });
    for (const family of ["netdev", "inet"]) {
      const table = `table ${family} nixbox_s7`;
      assert.ok(text.includes(`add ${table}\ndelete ${table}\n${table} {`), text);
    }
    for (const chain of ["input", "forward", "output"]) {
      assert.match(rules({ mode }, chain), /priority filter; policy drop;/);
    }
    assert.equal(text.match(/\{/g)?.length, text.match(/\}/g)?.length);
  }
});

Deno.test("of the programs in the namespace each sends what it is there for", () => {
  assert.match(rules({}, "output"), /meta skuid 1879048199 goto from_inspector/);
  assert.match(rules({}, "output"), /meta skuid 1879048263 goto from_resolver/);
  assert.match(
    rules({}, "from_resolver"),
    /ip daddr @resolvers4 .* dport 53 accept\n {4}goto refuse/,
  );
  assert.match(rules({}), /set resolvers4 \{[^}]*\{ 192\.0\.2\.1 \} \}/);
});

Deno.test("the host's addresses are its own, its networks are private", () => {
  assert.match(rules({}), /set host4 \{[^}]*\{ 10\.201\.7\.5, 198\.51\.100\.9 \} \}/);
  assert.match(rules({}), /set private4 \{[^}]*168\.63\.129\.16\/32[^}]*198\.51\.100\.0\/24 \} \}/);
});

Deno.test("frames have the guest's MAC and address; ARP and DHCP are rare, in every mode", () => {
  for (const mode of ["open", "filtered", "off"] as const) {
    const text = rules({ mode });
    assert.match(
      text,
      /hook ingress device "guest" priority -500; policy drop;\n {4}ether saddr != 02/,
    );
    assert.match(
      text,
      /arp saddr ip 10\.201\.7\.2 arp daddr ip 10\.201\.7\.1 limit rate 10\/second/,
    );
    assert.match(
      text,
      /udp sport 68 limit rate 5\/second burst 20 packets accept\n {4}counter drop/,
    );
    assert.match(text, /udp sport 68 udp dport 67 notrack/);
  }
});

Deno.test("the host's own rules let out what comes from the namespace, and mark it", () => {
  const text = hostRules(slotAddresses(7));
  assert.doesNotMatch(text, /policy drop/);
  assert.match(text, /iifname "nbx7" ip saddr 10\.201\.7\.6 meta mark set 0x6e000000/);
  assert.match(text, /ip saddr 10\.201\.7\.6 oifname != "nbx7" masquerade/);
  assert.match(text, /iifname != "nbx7" accept/);
});

Deno.test("routing knows one user, and nothing without the rules' mark", () => {
  const batch = routingBatch(slotAddresses(7), 1000);
  const rule = (text: string) => batch.indexOf(`rule add pref ${text}\n`);
  for (
    const text of [
      "9070 iif lo uidrange 1000-1000 to 10.201.7.2 lookup 20107",
      "9071 iif lo uidrange 0-0 to 10.201.7.2 lookup 20107",
      "9072 iif lo to 10.201.7.10 lookup 20107",
      "9073 iif lo to 10.201.7.0/24 prohibit",
      "9074 iif nbx7 to 10.201.0.0/18 prohibit",
      "9075 iif nbx7 fwmark 0x6e000000 goto 9077",
      "9076 iif nbx7 prohibit",
      "9077 to 10.201.7.0/24 lookup 20107",
    ]
  ) assert.ok(rule(text) >= 0, text);
  assert.ok(batch.indexOf("link set dev nbx7 up") > rule("9076 iif nbx7 prohibit"));
});

Deno.test("the last word to a guest is a refusal, in every mode", () => {
  for (const mode of ["filtered", "off"] as const) {
    assert.match(rules({ mode }, "to_network"), /goto refuse_address$/);
  }
  assert.match(rules({ mode: "open" }, "to_network"), /accept$/);
  for (const mode of ["open", "filtered", "off"] as const) {
    assert.match(rules({ mode }, "to_host"), /goto refuse_host$/);
  }
});

Deno.test("other machines and private ranges are refused before anything is allowed", () => {
  for (const mode of ["open", "filtered"] as const) {
    const text = rules({ mode, inspect: false }, "to_network");
    const at = (part: string) => text.indexOf(part);
    assert.ok(at("refuse_machine") > 0 && at("refuse_machine") < at("refuse_private"));
    assert.ok(at("refuse_private") < at(mode === "open" ? "\n    accept" : "@allow4"), text);
  }
});

Deno.test("off has no set of addresses, no names, no inspector, and opens no port of the host", () => {
  const text = rules({ mode: "off", allowHost: [8080], allowPrivate: ["10.1.0.0/16"] });
  assert.doesNotMatch(text, /@allow4|th dport 53 accept\n {4}goto refuse_host|8080|@chosen4|dnat/);
});

Deno.test("with inspection, 80 and 443 pass through the inspector only", () => {
  assert.match(rules({}, "arriving"), /@allow4 tcp dport 443 dnat ip to 10\.201\.7\.1:27443/);
  assert.match(rules({}, "arriving"), /@allow4 tcp dport 80 dnat ip to 10\.201\.7\.1:27080/);
  assert.match(rules({}, "to_network"), /@allow4 tcp dport \{ 22 \} update @allow4/);
  assert.match(rules({}, "to_host"), /tcp dport \{ 27443, 27080 \} ct status dnat accept/);
  assert.match(rules({ ports: [443] }, "to_network"), /refuse_private\n {4}goto refuse_address$/);
  assert.doesNotMatch(rules({ ports: [443] }, "arriving"), /dport 80/);
});

Deno.test("without inspection the ports pass by their address alone", () => {
  const text = rules({ inspect: false });
  assert.doesNotMatch(text, /dnat|from_inspector|27443/);
  assert.match(
    text,
    /@allow4 tcp dport \{ 22, 80, 443 \} update @allow4 \{ ip daddr timeout 1h \} accept/,
  );
});

Deno.test("the inspector is held to what its guest may reach", () => {
  const text = rules({}, "from_inspector");
  assert.match(text, /fib daddr type local goto refuse_host/);
  assert.match(text, /@private4 goto refuse_private\n.*@allow4 tcp dport \{ 80, 443 \}/);
  assert.match(text, /goto refuse_address$/);
});

Deno.test("chosen ports of the host and chosen ranges are opened", () => {
  const chosen = { allowHost: [5432, 8080], allowPrivate: ["10.1.0.0/16", "192.168.4.0/24"] };
  assert.match(rules(chosen), /set chosen4 \{[^}]*\{ 10\.1\.0\.0\/16, 192\.168\.4\.0\/24 \} \}/);
  assert.match(
    rules(chosen, "to_network"),
    /@host4 tcp dport \{ 5432, 8080 \} accept\n {4}ip daddr @host4 goto refuse_host/,
  );
  assert.match(
    rules(chosen, "arriving"),
    /10\.201\.7\.1 tcp dport \{ 5432, 8080 \} dnat ip to 10\.201\.7\.5/,
  );
  assert.match(rules(chosen, "to_network"), /@chosen4 tcp dport \{ 22, 80, 443 \} accept/);
  assert.match(rules({ ...chosen, mode: "open" }, "to_network"), /@chosen4 accept/);
  assert.doesNotMatch(rules({}), /chosen4/);
});
