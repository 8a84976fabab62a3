import { match, strictEqual } from "node:assert/strict";
import { cloudHypervisorDriver } from "../../../lib/hypervisor/cloud_hypervisor.ts";
import { qemuDriver } from "../../../lib/hypervisor/qemu.ts";
import { vfkitDriver } from "../../../lib/hypervisor/vfkit.ts";
import { errorOf, TemporarySocket } from "./temporary_socket.ts";

const drivers = {
  "cloud-hypervisor": cloudHypervisorDriver,
  qemu: qemuDriver,
  vfkit: vfkitDriver,
};

for (const [name, driver] of Object.entries(drivers)) {
  Deno.test(`${name}: a control socket that never comes is told, within the bound`, async () => {
    await using socket = await TemporarySocket.make();
    const error = await errorOf(driver.connect(socket.path, { timeoutMs: 50 }));
    match(error.message, /did not open its control socket/);
  });

  Deno.test(`${name}: the VMM's death ends the wait at once, with its own words`, async () => {
    await using socket = await TemporarySocket.make();
    const death = new AbortController();
    const connecting = driver.connect(socket.path, {
      timeoutMs: 600_000,
      signal: death.signal,
    });
    death.abort(new Error("the hypervisor ended (exit 7)"));
    strictEqual((await errorOf(connecting)).message, "the hypervisor ended (exit 7)");
  });

  Deno.test(`${name}: one that listens and says nothing is told, within the bound`, async () => {
    await using socket = await TemporarySocket.make();
    using _listener = Deno.listen({ transport: "unix", path: socket.path });
    const error = await errorOf(driver.connect(socket.path, { timeoutMs: 150 }));
    match(error.message, /did not answer/);
  });

  Deno.test(`${name}: death while it says nothing ends the wait at once`, async () => {
    await using socket = await TemporarySocket.make();
    using listener = Deno.listen({ transport: "unix", path: socket.path });
    const death = new AbortController();
    const connecting = errorOf(
      driver.connect(socket.path, { timeoutMs: 600_000, signal: death.signal }),
    );
    // The drivers for HTTP probe first, on a separate connection.
    using _first = await listener.accept();
    using _second = name === "qemu" ? undefined : await listener.accept();
    death.abort(new Error("the hypervisor ended (exit 7)"));
    strictEqual((await connecting).message, "the hypervisor ended (exit 7)");
  });

  Deno.test(`${name}: one that is not a hypervisor is told`, async () => {
    await using socket = await TemporarySocket.make();
    using listener = Deno.listen({ transport: "unix", path: socket.path });
    const serving = (async () => {
      for await (const connection of listener) {
        // The driver may hang up first, as it does after its probe.
        await connection.write(new TextEncoder().encode("220 mail ready\n")).catch(() => {});
        connection.close();
      }
    })();
    const error = await errorOf(driver.connect(socket.path, { timeoutMs: 30_000 }));
    match(error.message, /not HTTP|something unknown|cannot be reached/);
    listener.close();
    await serving.catch(() => {});
  });
}
