import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { cloudHypervisorDriver } from "../../../lib/hypervisor/cloud_hypervisor.ts";
import { StandInCloudHypervisor } from "../../stand_in/cloud_hypervisor.ts";
import { readOpenApi } from "./open_api.ts";
import { TemporarySocket } from "./temporary_socket.ts";

/** cloud-hypervisor's own API description, which lies beside the project, not in it. */
function readDescription(): string | undefined {
  const shared = Deno.env.get("NIXBOX_SHARED");
  const place = shared === undefined
    ? new URL("../../../../shared/data/", import.meta.url)
    : new URL(`file://${shared}/data/`);
  try {
    return Deno.readTextFileSync(new URL("cloud-hypervisor-api.yaml", place));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

const description = readDescription();
if (description === undefined) {
  console.log("cloud-hypervisor-api.yaml is not at hand: the check against it is left out");
}

Deno.test({
  name: "every request of the driver is one that cloud-hypervisor's own description allows",
  ignore: description === undefined,
  async fn() {
    const calls = readOpenApi(description ?? "");
    ok(calls.size > 20);
    await using socket = await TemporarySocket.make();
    await using server = new StandInCloudHypervisor(socket.path, { ejectsAfterLooks: 0 });
    const guest = await cloudHypervisorDriver.connect(socket.path, { timeoutMs: 5000 });
    await guest.info();
    await guest.hotPlug?.addDisk({ id: "d", path: "/d", readonly: true, serial: "s" });
    await guest.hotPlug?.addShare({ id: "f", tag: "t", socket: "/f" });
    await guest.hotPlug?.removeDevice("d");
    await guest.powerButton();
    await guest.kill();
    strictEqual(new Set(server.requests.map(({ call }) => call)).size, 7);
    for (const { method, call, body } of server.requests) {
      const described = calls.get(`${method} ${call}`);
      ok(described !== undefined, `${method} ${call} is not described`);
      strictEqual(body === undefined, described.fields === undefined, `${call}: body`);
      requireDescribed(call, body ?? {}, described);
    }
  },
});

type Described = NonNullable<ReturnType<ReturnType<typeof readOpenApi>["get"]>>;

function requireDescribed(call: string, body: unknown, described: Described): void {
  const entries = Object.entries(typeof body === "object" && body !== null ? body : {});
  for (const [name, value] of entries) {
    const field = described.fields?.get(name);
    ok(field !== undefined, `${call}: ${name} is not described`);
    const type = typeof value === "number" ? "integer" : typeof value;
    strictEqual(type, field.type, `${call}: ${name}`);
    if (field.options !== undefined) ok(field.options.includes(String(value)), `${name}=${value}`);
  }
  const names = entries.map(([name]) => name);
  deepStrictEqual(described.required.filter((name) => !names.includes(name)), []);
}
