import assert from "node:assert/strict";
import { detectHost } from "../../../lib/host/detect.ts";
import { exists } from "../../../lib/host/files/files.ts";
import type { Host } from "../../../lib/host/host.ts";
import { tearDown } from "../../../lib/lifecycle/boot/teardown.ts";
import { statePaths } from "../../../lib/state/store.ts";
import { exampleRecord } from "../support/record.ts";

const here = await detectHost();

/** Tears down a machine whose hypervisor is this very test, on a host that answers so. */
async function tearDownWith(identify: Host["processes"]["identify"]) {
  const directory = await Deno.makeTempDir();
  const host: Host = {
    ...here,
    paths: { ...here.paths, state: directory },
    processes: {
      ...here.processes,
      identify,
      withEnvironment: () => Promise.resolve([]),
    },
  };
  const record = {
    ...exampleRecord,
    network: { kind: "vsock", policy: exampleRecord.network.policy, mac: "", sshSocket: "/s" },
    runtimeDirectory: `${directory}/run`,
    secretsDirectory: `${directory}/secrets`,
    shares: [],
    vmm: { pid: 999_999_999, startTime: "then" },
  } as const;
  const file = statePaths(host, record.id).record;
  await Deno.mkdir(`${directory}/machines`);
  await Deno.mkdir(record.runtimeDirectory);
  await Deno.writeTextFile(file, "{}");
  const warnings: string[] = [];
  await tearDown(host, { directory: `${directory}/shared` }, record, (event) => {
    if (event.kind === "warning") warnings.push(event.message);
  });
  const left = { record: await exists(file), sockets: await exists(record.runtimeDirectory) };
  await Deno.remove(directory, { recursive: true });
  return { ...left, warnings };
}

Deno.test("a machine that is gone leaves nothing", async () => {
  const left = await tearDownWith(() => Promise.resolve(undefined));
  assert.deepEqual(left, { record: false, sockets: false, warnings: [] });
});

Deno.test("of a machine of which nobody can tell whether it runs, record and sockets stay", async () => {
  const { record, sockets, warnings } = await tearDownWith(() =>
    Promise.reject(new Error("ps does not tell"))
  );
  assert.deepEqual([record, sockets], [true, true]);
  assert.ok(warnings.some((warning) => /start the hypervisor.*ps does not tell/.test(warning)));
});
