/**
 * Stands in for vfkit 0.6.3 where there is no macOS: takes its command line, and runs the machine
 * with QEMU, without hardware acceleration. As vfkit's documentation and code have them: options, the
 * REST service, the states, how it ends. Different: the time that a boot takes, and how vsock gets
 * into the guest (multiplexer.ts); IPv4 of guests comes from QEMU's own DHCP.
 */
import { type Machine, parseCommandLine, UsageError } from "./arguments.ts";
import { Multiplexer } from "./multiplexer.ts";
import { type Places, placesIn, qemuArgv, shareSocket, sharesOf, virtiofsdArgv } from "./qemu.ts";
import { serveRest } from "./rest.ts";
import { VirtualMachine } from "./virtual_machine.ts";

if (Deno.args[0] === "--version" || Deno.args[0] === "-v") {
  console.log("vfkit version: v0.6.3");
  Deno.exit(0);
}

let machine: Machine;
try {
  machine = parseCommandLine(Deno.args, Deno.stdin.isTerminal());
} catch (error) {
  console.error(`Error: ${error instanceof Error ? error.message : error}`);
  Deno.exit(error instanceof UsageError || error instanceof Deno.errors.NotFound ? 1 : 2);
}

const directory = await Deno.makeTempDir({ prefix: "vfkit-" });
const code = await runMachine(machine, placesIn(directory));
await Deno.remove(directory, { recursive: true });
Deno.exit(code);

async function runMachine(machine: Machine, places: Places): Promise<number> {
  const servers: Deno.ChildProcess[] = [];
  try {
    // Bound before the machine starts: a stale socket is an error.
    const rest = machine.apiSocket === undefined ? undefined : listen(machine.apiSocket);
    const ports = machine.ports.filter(({ direction }) => direction === "connect")
      .map(({ port, path }) => ({ port, listener: listen(path) }));
    for (const [index, { directory }] of sharesOf(machine).entries()) {
      servers.push(spawn(virtiofsdArgv(places, directory, index)));
      await untilThere(shareSocket(places, index));
    }
    const vm = new VirtualMachine(places);
    if (rest !== undefined) serveRest(rest, machine, vm);
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      Deno.addSignalListener(signal, () => void vm.requestStop());
    }
    if (machine.consoleLog !== undefined) await Deno.writeTextFile(machine.consoleLog, "");
    noteLeases(machine);
    const qemu = spawn(qemuArgv(machine, places));
    await Promise.race([untilThere(places.qmp), qemu.status]);
    await Promise.race([untilThere(places.vsock), qemu.status]);
    vm.runIn(qemu);
    await leadVsock(machine, places, ports);
    const { code } = await qemu.status;
    return code === 0 || vm.isStopping ? 0 : 1;
  } catch (error) {
    console.error(`Error: ${error instanceof Error ? error.message : error}`);
    return 1;
  } finally {
    for (const server of servers) {
      try {
        server.kill("SIGKILL");
      } catch {
        // It ends with its client.
      }
    }
  }
}

function listen(path: string): Deno.UnixListener {
  try {
    return Deno.listen({ transport: "unix", path });
  } catch {
    throw new Error(`listen unix ${path}: bind: address already in use`);
  }
}

/** Ends with this process, however that ends. */
function spawn(argv: readonly string[]): Deno.ChildProcess {
  return new Deno.Command("setpriv", {
    args: ["--pdeathsig", "KILL", ...argv],
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
}

async function untilThere(path: string): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    try {
      await Deno.stat(path);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  throw new Error(`${path} did not come`);
}

async function leadVsock(
  machine: Machine,
  places: Places,
  ports: readonly { readonly port: number; readonly listener: Deno.UnixListener }[],
): Promise<void> {
  const wire = await Deno.connect({ transport: "unix", path: places.vsock });
  const toHost = machine.ports.filter(({ direction }) => direction === "listen");
  const multiplexer = new Multiplexer(wire, async (port) => {
    const found = toHost.find((candidate) => candidate.port === port);
    return await Deno.connect({ transport: "unix", path: found?.path ?? "/nonexistent" });
  });
  for (const { port } of toHost) await multiplexer.listen(port);
  for (const { port, listener } of ports) void acceptAll(listener, multiplexer, port);
  void multiplexer.run();
}

async function acceptAll(listener: Deno.UnixListener, multiplexer: Multiplexer, port: number) {
  for await (const connection of listener) void multiplexer.open(connection, port);
}

/** What macOS' bootpd would write down. */
function noteLeases(machine: Machine): void {
  const mac = machine.cards[0];
  if (mac === undefined) return;
  const short = mac.split(":").map((octet) => Number.parseInt(octet, 16).toString(16)).join(":");
  const ends = (Math.floor(Date.now() / 1000) + 86400).toString(16);
  const lines = [
    ...["name=nixbox", "ip_address=192.168.64.3", `hw_address=1,${short}`],
    ...[`identifier=1,${short}`, `lease=0x${ends}`],
  ];
  Deno.mkdirSync("/var/db", { recursive: true });
  Deno.writeTextFileSync(
    "/var/db/dhcpd_leases",
    `{\n${lines.map((line) => `\t${line}\n`).join("")}}\n`,
  );
}
