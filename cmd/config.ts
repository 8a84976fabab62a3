import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject } from "./context.ts";

interface Flags {
  readonly showSecrets: boolean;
}

export const command = buildCommand<Flags, [], CommandLineContext>({
  docs: {
    brief: "print the resolved config as JSON",
    fullDescription:
      `Prints the config as nixbox uses it: defaults, plugins and .nixbox/config.nix merged and
checked. The values of \`env\` are masked.

EXAMPLES
  nixbox config
  nixbox config --show-secrets`,
  },
  parameters: {
    flags: {
      showSecrets: {
        kind: "boolean",
        brief: "print the values of env too",
        default: false,
        withNegated: false,
      },
    },
  },
  func: async function (flags) {
    const { host, project } = await hostAndProject(this.globals);
    const { loadAcceptedConfig } = await import("../lib/lifecycle/trust/consent.ts");
    const { maskSecrets } = await import("../lib/config/mask.ts");
    const { withConsent } = await import("./consent.ts");
    const config = await withConsent(
      this.terminal,
      host,
      project,
      () => loadAcceptedConfig(host, project),
    );
    const shown = flags.showSecrets ? config : maskSecrets(config);
    this.terminal.printJson(shown, 2);
  },
});
