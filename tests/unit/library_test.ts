/** The library's face: what mod.ts exports, and what its documentation says. */
import assert from "node:assert/strict";
import { documentedExamples, readDocumentation } from "../examples.ts";

const root = new URL("../..", import.meta.url).pathname;

Deno.test("the library exports what a program calls, and nothing that only nixbox itself needs", async () => {
  const module = await readDocumentation(root);
  const named = (...kinds: string[]) =>
    module.symbols.filter(({ declarations: [first] }) => kinds.includes(first?.kind ?? ""))
      .map(({ name }) => name).toSorted();
  assert.deepEqual(named("function"), ["openProject", "printable", "status"]);
  assert.deepEqual(named("class"), [
    ...["CommandError", "ConsentNeeded", "NixboxError", "Operation", "ProjectHandle"],
  ]);
  assert.deepEqual(named("interface", "typeAlias"), [
    ...["BootedMachine", "Config", "DownOptions", "DownResult", "Emit", "EnvSource", "EnvValue"],
    ...["ErrorDetails", "ExitCode", "FileChange", "GuestCommandResult", "HostRequest"],
    ...["HypervisorChoice", "HypervisorName", "LackOfRoom", "MachineState", "MachineStatus"],
    ...["MountOptions", "MountedShare", "NameChange", "NetworkMode", "NetworkPolicy"],
    ...["NetworkRefresh", "NetworkStatus", "Pause", "ProgressEvent", "Project", "Refusal"],
    ...["RequestKind", "Review", "RunInGuestOptions", "SshAccess", "StatusReport"],
    ...["UnmountOptions", "UpOptions", "UpSummary"],
  ]);
});

Deno.test("each function and class of the library has an example", async (t) => {
  const { symbols } = await readDocumentation(root);
  for (const { name, declarations } of symbols) {
    if (!declarations.some(({ kind }) => kind === "function" || kind === "class")) continue;
    await t.step(name, () => {
      const examples = declarations.flatMap(({ jsDoc }) => documentedExamples(jsDoc));
      assert.ok(examples.length > 0);
    });
  }
});
