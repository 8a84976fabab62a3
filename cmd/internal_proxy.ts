import { buildCommand } from "./stricli.ts";
import type { CommandLineContext } from "./context.ts";

export const command = buildCommand<Record<never, never>, string[], CommandLineContext>({
  docs: { brief: "serve a machine's allow-list proxy; started by up" },
  parameters: {
    positional: {
      kind: "array",
      parameter: { brief: "SOCKET POLICY LOG API-SOCKET", parse: String },
      minimum: 4,
      maximum: 4,
    },
  },
  func: async function (_flags, socket = "", policyFile = "", log = "", apiSocket = "") {
    const { runProxy } = await import("../lib/lifecycle/network/proxy_main.ts");
    await runProxy({ socket, policyFile, log, apiSocket });
  },
});
