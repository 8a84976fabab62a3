import assert from "node:assert/strict";
import type { Config } from "../../../lib/config/config.ts";
import { detectLinux } from "../../../lib/host/linux.ts";
import { parseDnsmasqVersion, requireNetwork } from "../../../lib/lifecycle/boot/requirements.ts";

const options = "Compile time options: IPv6 GNU-getopt DBus no-UBus DHCP ipset nftset auth\n";

Deno.test("what dnsmasq can do is read from its version", () => {
  const of = (version: string, built = options) =>
    parseDnsmasqVersion(`Dnsmasq version ${version}  Copyright (c)\n${built}`);
  assert.deepEqual(of("2.91"), {
    version: "Dnsmasq version 2.91",
    nftset: true,
    filterRecords: true,
  });
  assert.equal(of("2.89").filterRecords, false);
  assert.equal(of("3.0").filterRecords, true);
  assert.equal(of("2.90", options.replace("nftset", "no-nftset")).nftset, false);
  assert.deepEqual(parseDnsmasqVersion("").nftset, false);
});

/** A host that has the programs of a directory and no others. */
async function hostWith(programs: Readonly<Record<string, string>>) {
  const directory = await Deno.makeTempDir();
  for (const [name, script] of Object.entries(programs)) {
    await Deno.writeTextFile(`${directory}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const which = (name: string) =>
    Promise.resolve(name in programs ? `${directory}/${name}` : undefined);
  return { ...detectLinux(), which };
}

const filtered: Config["network"] = {
  mode: "filtered",
  domains: ["x.test"],
  ports: [80, 443],
  dns: [],
  inspect: true,
  allowHost: [],
  allowPrivate: [],
};
const dnsmasq = 'echo "Dnsmasq version 2.91"; echo "options: nftset"';

Deno.test("filtered needs haproxy only where names in connections are looked at", async () => {
  const host = await hostWith({ dnsmasq });
  await assert.rejects(requireNetwork(host, filtered), /needs haproxy, which is not installed/);
  await requireNetwork(host, { ...filtered, inspect: false });
  await requireNetwork(host, { ...filtered, ports: [22] });
  await requireNetwork(host, { ...filtered, mode: "open" });
  await requireNetwork(await hostWith({ dnsmasq, haproxy: "" }), filtered);
});

Deno.test("filtered is refused with a dnsmasq that fills no sets", async () => {
  const host = await hostWith({ dnsmasq: "echo Dnsmasq version 2.80", haproxy: "" });
  await assert.rejects(requireNetwork(host, filtered), /needs dnsmasq with nftset/);
});
