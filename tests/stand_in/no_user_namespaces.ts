/** nixbox as on a host whose kernel lets no user make namespaces (Ubuntu 24.04's default). */
import { chooseHost } from "../../cmd/context.ts";
import { main } from "../../cmd/main.ts";
import { detectLinux } from "../../lib/host/linux.ts";

chooseHost(() =>
  Promise.resolve({
    ...detectLinux(),
    userNamespaces: () => Promise.resolve(false),
    confinement: () => Promise.resolve(undefined),
  })
);
Deno.exit(await main(Deno.args));
