/**
 * The servers of the closed internet, on every server's address: the web on 80 and 443, and ports
 * that only tell that they were reached. Says "ready" once all of them listen. Everything that is
 * reached is a line of JSON in /lab/internet/contacts.log.
 */
import { opensslAddress, retryAddress, serverAddresses } from "./names.ts";
import { serveRetry } from "./retry.ts";
import { answer } from "./site.ts";

const directory = "/lab/internet";
const contacts = await Deno.open(`${directory}/contacts.log`, { create: true, append: true });
const cert = await Deno.readTextFile(`${directory}/ca.pem`);
const key = await Deno.readTextFile(`${directory}/key.pem`);

function tell(contact: Record<string, string | number>): void {
  contacts.writeSync(new TextEncoder().encode(`${JSON.stringify(contact)}\n`));
}

function serveWeb(hostname: string, port: number, tls: { cert: string; key: string } | undefined) {
  const place = { hostname, port, onListen: () => {}, ...tls };
  Deno.serve(place, (request, { remoteAddr }) => {
    const url = new URL(request.url);
    tell({ protocol: "web", address: hostname, port, name: url.hostname });
    return answer(request, { address: hostname, client: remoteAddr.hostname });
  });
}

async function serveTcp(hostname: string, port: number): Promise<void> {
  for await (const connection of Deno.listen({ hostname, port })) {
    tell({ protocol: "tcp", address: hostname, port });
    connection.write(new TextEncoder().encode("reached\n"))
      .then(() => connection.close()).catch(() => {});
  }
}

async function serveUdp(hostname: string, port: number): Promise<void> {
  const socket = Deno.listenDatagram({ hostname, port, transport: "udp" });
  for await (const [bytes, from] of socket) {
    tell({ protocol: "udp", address: hostname, port, text: new TextDecoder().decode(bytes) });
    await socket.send(bytes, from);
  }
}

for (const address of serverAddresses()) {
  serveWeb(address, 80, undefined);
  if (address === retryAddress) {
    void serveRetry(address, (name) => tell({ protocol: "retry", name }));
  } else if (address !== opensslAddress) serveWeb(address, 443, { cert, key });
  for (const port of [853, 8080]) void serveTcp(address, port);
  for (const port of [123, 443, 9999]) void serveUdp(address, port);
}
void serveTcp("2001:db8:113::10", 443);
console.log("ready");
