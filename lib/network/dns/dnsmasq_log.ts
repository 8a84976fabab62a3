import type { RefusedName } from "../rules/refusals.ts";

/** What dnsmasq's log (log-queries=extra) tells of one guest. */
export interface DnsReport {
  readonly refused: readonly RefusedName[];
  /** Names by the addresses that they led to. */
  readonly names: ReadonlyMap<string, readonly string[]>;
}

const line = /^(\w{3} [ \d]\d \d\d:\d\d:\d\d) dnsmasq\[\d+\]: (?:(\d+) (\S+) )?(.*)$/;

/**
 * Reads the log of a dnsmasq that was started with TZ=UTC. Its lines have no year: a time that lies
 * ahead of `now` is of last year.
 */
export function readDnsmasqLog(text: string, now: number, guest: string): DnsReport {
  const asked = new Map<string, string>();
  const refused: RefusedName[] = [];
  const names = new Map<string, string[]>();
  for (const one of text.split("\n")) {
    const [, when = "", serial = "", from = "", message = ""] = line.exec(one) ?? [];
    if (when === "") continue;
    const rebinding = /^possible DNS-rebind attack detected: (\S+)$/.exec(message)?.[1];
    if (rebinding !== undefined) {
      refused.push({ time: timeOf(when, now), name: rebinding, how: "rebinding" });
    }
    if (!from.startsWith(`${guest}/`)) continue;
    const question = /^query\[[^\]]+\] (\S+) from /.exec(message)?.[1];
    if (question !== undefined) asked.set(serial, question.toLowerCase());
    const name = asked.get(serial);
    if (name === undefined) continue;
    if (/^config .* is (REFUSED|NXDOMAIN|NODATA)/.test(message)) {
      refused.push({ time: timeOf(when, now), name, how: "dns" });
    }
    const address = /^reply \S+ is (\d+\.\d+\.\d+\.\d+)$/.exec(message)?.[1];
    if (address !== undefined) {
      names.set(address, [...new Set([...names.get(address) ?? [], name])]);
    }
  }
  return { refused, names };
}

function timeOf(text: string, now: number): number {
  const year = new Date(now).getUTCFullYear();
  const time = Date.parse(`${text.replace(/\s+/g, " ")} ${year} UTC`);
  const dayMs = 24 * 60 * 60 * 1000;
  return time > now + dayMs ? Date.parse(`${text.replace(/\s+/g, " ")} ${year - 1} UTC`) : time;
}
