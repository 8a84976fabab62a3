/** nixbox as it would be on a Mac, in the lab: the runtime module for macOS, on stand-ins by PATH. */
import { chooseHost } from "../../../cmd/context.ts";
import { main } from "../../../cmd/main.ts";
import { detectDarwin, thisMac } from "../../../lib/host/darwin.ts";

chooseHost(() => Promise.resolve(detectDarwin({ ...thisMac, arch: "aarch64" })));
Deno.exit(await main(Deno.args));
