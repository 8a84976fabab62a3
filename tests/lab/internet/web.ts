/**
 * The web of the closed network: answers on port 80 of every address with the name it was asked for,
 * the path, and whom it saw asking.
 */
import { names } from "./names.ts";

for (const { address } of names) {
  Deno.serve({ hostname: address, port: 80, onListen: () => {} }, (request, { remoteAddr }) => {
    const { hostname, pathname } = new URL(request.url);
    const body = { name: hostname, address, path: pathname, client: remoteAddr.hostname };
    return new Response(`${JSON.stringify(body)}\n`);
  });
}
