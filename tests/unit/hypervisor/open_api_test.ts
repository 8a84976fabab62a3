import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { cloudHypervisorDriver } from "../../../lib/hypervisor/cloud_hypervisor.ts";
import { StandInCloudHypervisor } from "../../stand_in/cloud_hypervisor.ts";
import { type DocumentedBody, documentedCalls, type DocumentedField } from "./documented_calls.ts";
import { TemporarySocket } from "./temporary_socket.ts";

Deno.test("the driver makes the documented requests of cloud-hypervisor, and no others", async () => {
  await using socket = await TemporarySocket.make();
  await using server = new StandInCloudHypervisor(socket.path, { ejectsAfterLooks: 0 });
  const guest = await cloudHypervisorDriver.connect(socket.path, { timeoutMs: 5000 });
  await guest.info();
  await guest.hotPlug?.addDisk({ id: "d", path: "/d", readonly: true, serial: "s" });
  await guest.hotPlug?.addShare({ id: "f", tag: "t", socket: "/f" });
  await guest.hotPlug?.removeDevice("d");
  await guest.powerButton();
  await guest.kill();
  const made = new Set<string>();
  for (const { method, call, body } of server.requests) {
    const name = `${method} ${call}`;
    ok(Object.hasOwn(documentedCalls, name), `${name} is not documented`);
    requireDocumented(name, body, documentedCalls[name]);
    made.add(name);
  }
  deepStrictEqual([...made].sort(), Object.keys(documentedCalls).sort());
});

function requireDocumented(name: string, body: unknown, documented: DocumentedBody): void {
  if (documented === undefined) return strictEqual(body, undefined, `${name} has no body`);
  ok(typeof body === "object" && body !== null, `${name} has a body`);
  const entries = Object.entries(body);
  for (const [key, value] of entries) {
    const field: DocumentedField | undefined = documented[key];
    ok(field !== undefined, `${name}: ${key} is not documented`);
    const type = Number.isInteger(value) ? "integer" : typeof value;
    strictEqual(type, field.type, `${name}: ${key}`);
    if (field.options !== undefined) ok(field.options.includes(String(value)), `${key}=${value}`);
  }
  for (const [key, field] of Object.entries(documented)) {
    if (field.isRequired === true) ok(Object.hasOwn(body, key), `${name} requires ${key}`);
  }
}
