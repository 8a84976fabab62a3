import { buildRouteMap } from "./stricli.ts";
import { allow, deny } from "./network_change.ts";
import { command as log } from "./network_log.ts";
import { command as refresh } from "./network_refresh.ts";
import { command as status } from "./network_status.ts";

export const command = buildRouteMap({
  routes: { log, status, allow, deny, refresh },
  docs: {
    brief: "what the machine may reach, and what it was refused",
    fullDescription: `Shows and changes what this project's machine may reach while it runs. Lasting
changes belong into .nixbox/config.nix: network.mode, domains, ports, allowHost, allowPrivate.

EXAMPLES
  nixbox network log -f        each refusal as it comes, and the line that would allow it
  nixbox network status        the rules in force, in words
  nixbox network allow npmjs.org
  nixbox network refresh       after the host's network has changed`,
  },
});
