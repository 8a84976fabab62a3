import { removeIfExists } from "../../host/files/files.ts";
import type { NetworkPolicy } from "../policy/policy.ts";
import type { OwnAddress } from "./decide.ts";
import { answer, type ClientLimits, serveClient } from "./client.ts";
import { RefusalLog } from "./log.ts";
import { type Resolve, resolveName } from "./resolve.ts";
import { BufferedConnection } from "./stream.ts";

/** What the proxy may use. */
export interface ProxyLimits extends ClientLimits {
  /** Connections at once; further ones are told to come again. */
  readonly connections: number;
  /** Milliseconds after which a connection where nothing flows ends. */
  readonly idleMs: number;
}

const usualLimits: ProxyLimits = {
  headBytes: 16 * 1024,
  headMs: 10_000,
  dialMs: 5000,
  connections: 1024,
  // As the inspector on Linux has it.
  idleMs: 12 * 60 * 60 * 1000,
};

/** How a proxy is started. */
export interface ProxyOptions {
  /** The Unix socket on which it listens, for this user only. */
  readonly socket: string;
  /** Asked for each connection; where there is none, nothing passes. */
  readonly policy: () => Promise<NetworkPolicy | undefined>;
  /** Where refusals are written. */
  readonly log: string;
  readonly limits?: Partial<ProxyLimits>;
  /** How names get their addresses; the OS, or the policy's resolvers. */
  readonly resolve?: Resolve;
  /** How addresses are dialled. */
  readonly dial?: (address: string, port: number) => Promise<Deno.Conn>;
}

/** A proxy that listens. */
export interface ProxyServer {
  /** Ends every connection; those that come from now on are served. */
  drop(): void;
  /** Ends, with all of its connections. */
  close(): Promise<void>;
}

/** Starts the allow-list proxy of one guest. */
export async function serveProxy(options: ProxyOptions): Promise<ProxyServer> {
  await removeIfExists(options.socket);
  const umask = Deno.umask(0o177);
  const listener = Deno.listen({ transport: "unix", path: options.socket });
  Deno.umask(umask);
  const proxy = new Proxy(options);
  const accepting = proxy.accept(listener);
  return {
    drop: () => proxy.drop(),
    async close() {
      listener.close();
      proxy.drop();
      await accepting;
      await proxy.settle();
      await removeIfExists(options.socket);
    },
  };
}

class Proxy {
  readonly #open = new Set<BufferedConnection>();
  #clients = 0;
  readonly #work = new Set<Promise<void>>();
  readonly #log: RefusalLog;
  readonly #limits: ProxyLimits;
  readonly #idle: ReturnType<typeof setInterval>;

  constructor(private readonly options: ProxyOptions) {
    this.#log = new RefusalLog(options.log);
    this.#limits = { ...usualLimits, ...options.limits };
    this.#idle = setInterval(() => this.#dropIdle(), Math.min(60_000, this.#limits.idleMs));
  }

  async accept(listener: Deno.UnixListener): Promise<void> {
    while (true) {
      let connection: Deno.Conn;
      try {
        connection = await listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted) {
          return;
        }
        // Out of files, say: that passes.
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      const work = this.#serve(new BufferedConnection(connection)).catch(() => {});
      this.#work.add(work);
      void work.finally(() => this.#work.delete(work));
    }
  }

  drop(): void {
    for (const connection of this.#open) connection.close();
  }

  async settle(): Promise<void> {
    clearInterval(this.#idle);
    await Promise.all(this.#work);
  }

  async #serve(client: BufferedConnection): Promise<void> {
    const isFull = this.#clients >= this.#limits.connections;
    const made: BufferedConnection[] = [client];
    this.#open.add(client);
    this.#clients++;
    try {
      if (isFull) return await answer(client, 503, "too many connections at once");
      await serveClient(client, {
        policy: await this.options.policy(),
        limits: this.#limits,
        resolve: this.options.resolve ?? resolveName,
        dial: this.options.dial ?? ((hostname, port) => Deno.connect({ hostname, port })),
        own: ownAddresses,
        refused: (refusal) => this.#log.add(refusal),
        connected: (origin) => {
          made.push(origin);
          this.#open.add(origin);
        },
      });
    } finally {
      this.#clients--;
      for (const connection of made) {
        connection.close();
        this.#open.delete(connection);
      }
    }
  }

  #dropIdle(): void {
    const before = performance.now() - this.#limits.idleMs;
    for (const connection of this.#open) if (connection.lastActive < before) connection.close();
  }
}

function ownAddresses(): readonly OwnAddress[] {
  // Of a link's own addresses each says which link it is on.
  return Deno.networkInterfaces().map(({ address, cidr }) => ({
    address: withoutZone(address),
    cidr: withoutZone(cidr),
  }));
}

function withoutZone(text: string): string {
  return text.replace(/%[^/]*/, "");
}
