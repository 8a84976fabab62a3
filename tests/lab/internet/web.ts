/**
 * The web of the closed internet: answers on port 80 of every server's address, in JSON, with the
 * name it was asked for, the path, and whom it saw asking. Says "ready" once all of them listen.
 */
import { serverAddresses } from "./names.ts";

for (const address of serverAddresses()) {
  Deno.serve({ hostname: address, port: 80, onListen: () => {} }, (request, { remoteAddr }) => {
    const { hostname, pathname } = new URL(request.url);
    const body = { name: hostname, address, path: pathname, client: remoteAddr.hostname };
    return new Response(`${JSON.stringify(body)}\n`);
  });
}
console.log("ready");
