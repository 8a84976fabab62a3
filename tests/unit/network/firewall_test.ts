import assert from "node:assert/strict";
import { slotAddresses } from "../../../lib/network/addresses.ts";
import { firewallRules, removeFirewall } from "../../../lib/network/firewall.ts";
import type { NetworkPolicy } from "../../../lib/network/policy.ts";
import { examplePolicy } from "../support/record.ts";

const filtered: NetworkPolicy = { ...examplePolicy, mode: "filtered", ports: [22, 80, 443] };

/** The rules of slot 7; `chain` picks the inside of one chain. */
function rules(policy: Partial<NetworkPolicy>, chain?: string): string {
  const text = firewallRules({
    slot: slotAddresses(7),
    mac: "02:00:00:00:00:07",
    policy: { ...filtered, ...policy },
  });
  if (chain === undefined) return text;
  return new RegExp(`chain ${chain} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*?)\\n  \\}`).exec(text)?.[1] ??
    "";
}

Deno.test("a slot's rules are one table of its own, loaded in one go", () => {
  for (const mode of ["open", "filtered", "off"] as const) {
    const text = rules({ mode });
    const table = "table inet nixbox_s7";
    assert.ok(text.startsWith(`add ${table}\ndelete ${table}\n${table} {`), text);
    assert.doesNotMatch(text, /policy drop/);
    assert.equal(text.match(/\{/g)?.length, text.match(/\}/g)?.length);
  }
  const remove = "add table inet nixbox_s7\ndelete table inet nixbox_s7\n";
  assert.equal(removeFirewall("nixbox_s7"), remove);
});

Deno.test("every base chain lets pass at once what is not of this slot", () => {
  for (const chain of ["input", "forward"]) {
    assert.match(rules({}, chain), /[io]ifname "nbx7" goto/);
  }
  assert.match(
    rules({}, "arriving"),
    /iifname != "nbx7" accept\n {4}ip saddr != 10\.201\.7\.2 accept/,
  );
  assert.match(rules({}, "output"), /meta skuid 1879048199 goto from_inspector/);
});

Deno.test("other networks do not reach what serves the guest", () => {
  assert.match(
    rules({}, "input"),
    /ip daddr 10\.201\.7\.1 iifname != "lo" iifname != "nbx\*" goto refuse$/,
  );
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
  assert.doesNotMatch(text, /allow4|dport 53|skuid|8080|@chosen4/);
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
  assert.doesNotMatch(text, /dnat|skuid|27443/);
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
  assert.match(rules(chosen, "to_host"), /tcp dport \{ 5432, 8080 \} accept\n {4}goto refuse_host/);
  assert.match(rules(chosen, "to_network"), /@chosen4 tcp dport \{ 22, 80, 443 \} accept/);
  assert.match(rules({ ...chosen, mode: "open" }, "to_network"), /@chosen4 accept/);
  assert.doesNotMatch(rules({}), /chosen4/);
});
