import type { Refusal } from "../rules/refusals.ts";
import type { HelloProblem } from "./client_hello.ts";
import type { PlaceProblem } from "./decide.ts";

/** Why the proxy refused a connection. */
export type ProxyProblem =
  | PlaceProblem
  | HelloProblem
  | "sni"
  | "retry"
  | "private"
  | "unresolved"
  | "unreachable";

/** A connection that the proxy refused. */
export interface ProxyRefusal {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly host: string;
  readonly port: number;
  readonly problem: ProxyProblem;
  /** The name that was asked for in TLS, where it was another. */
  readonly other?: string;
}

/** A line of the log: fields that hold no blanks, in the order of {@linkcode ProxyRefusal}. */
export function logLine({ time, host, port, problem, other }: ProxyRefusal): string {
  return `${Math.floor(time / 1000)} ${host} ${port} ${problem}${other ? ` ${other}` : ""}\n`;
}

/** What every refusal means, and which line of the config would let it pass. */
const meanings: Readonly<
  Record<ProxyProblem, (refusal: ProxyRefusal) => Pick<Refusal, "reason" | "allow">>
> = {
  off: () => ({ reason: "the network is off", allow: 'network.mode = "filtered";' }),
  literal: () => ({ reason: "an address: only names pass here" }),
  host: ({ port }) => ({
    reason: "a service of this host",
    allow: `network.allowHost = [ ${port} ];`,
  }),
  name: ({ host }) => ({
    reason: "not in network.domains",
    ...(host.includes(".") ? { allow: `network.domains = [ "${host}" ];` } : {}),
  }),
  port: ({ port }) => ({
    reason: "a port that is not in network.ports",
    allow: `network.ports = [ ${port} ];`,
  }),
  tunnel: () => ({ reason: "a tunnel to port 80, which is for plain requests" }),
  sni: ({ other }) => ({ reason: `TLS in it was for another name, ${other ?? "unknown"}` }),
  retry: ({ other }) => ({
    reason: `TLS in it named ${other ?? "another name"} when the server asked for its hello again`,
  }),
  private: () => ({
    reason: "an allowed name that leads to a private address",
    allow: 'network.allowPrivate = [ "its range" ];',
  }),
  unresolved: () => ({ reason: "the name has no address" }),
  unreachable: () => ({ reason: "no address of the name could be reached" }),
  "no-tls": () => ({ reason: "a connection to port 443 that is not TLS" }),
  "?nameless": () => ({ reason: "TLS without a server name" }),
  "?encrypted": () => ({ reason: "TLS that hides its server name (ECH)" }),
  "?unreadable": () => ({ reason: "TLS whose first message cannot be read" }),
};

/** Reads the proxy's log: each thing that was refused once, with its count and the last time. */
export function readProxyLog(text: string): Refusal[] {
  const found = new Map<string, Refusal>();
  for (const line of text.split("\n")) {
    const refusal = parseLine(line);
    if (refusal === undefined) continue;
    const told = describe(refusal);
    const key = `${told.asked}\n${told.reason}`;
    const earlier = found.get(key);
    found.set(key, {
      ...told,
      count: (earlier?.count ?? 0) + 1,
      time: Math.max(told.time, earlier?.time ?? 0),
    });
  }
  return [...found.values()];
}

/** What was refused, for `network log` and for the answer to the client. */
export function describe(refusal: ProxyRefusal): Refusal {
  const { host, port, time } = refusal;
  return { time, count: 1, asked: `${host}:${port}`, ...meanings[refusal.problem](refusal) };
}

function parseLine(line: string): ProxyRefusal | undefined {
  const [seconds = "", host = "", port = "", problem = "", other] = line.split(" ");
  if (!/^\d+$/.test(seconds) || !/^\d+$/.test(port) || !isProblem(problem)) return undefined;
  const base = { time: Number(seconds) * 1000, host, port: Number(port), problem };
  return other === undefined ? base : { ...base, other };
}

function isProblem(text: string): text is ProxyProblem {
  return Object.hasOwn(meanings, text);
}

/** Of a log that has grown beyond this, the newer half is kept. */
const longestLog = 1 << 20;

/** Appends refusals to a file, which stays short. One at a time: lines never mix. */
export class RefusalLog {
  #last: Promise<void> = Promise.resolve();

  constructor(private readonly path: string) {}

  /** Ends when it is written; a disk that is full keeps no connection from its answer. */
  async add(refusal: ProxyRefusal): Promise<void> {
    this.#last = this.#last.then(() => this.#append(logLine(refusal))).catch(() => {});
    await this.#last;
  }

  async #append(line: string): Promise<void> {
    await Deno.writeTextFile(this.path, line, { append: true, mode: 0o600 });
    if ((await Deno.stat(this.path)).size <= longestLog) return;
    const text = await Deno.readTextFile(this.path);
    const half = text.slice(text.indexOf("\n", text.length >> 1) + 1);
    await Deno.writeTextFile(`${this.path}.new`, half, { mode: 0o600 });
    await Deno.rename(`${this.path}.new`, this.path);
  }
}
