import type { RefusedName } from "../rules/refusals.ts";

/**
 * Reads the inspector's log: lines of time in seconds, `tls` or `http`, the name, the address, and
 * what was wrong, separated by tabs (log-format of lib/network/inspector.ts), or by
 * blanks (lib/network/hello_retry.ts). Other lines are HAProxy's own.
 */
export function readInspectorLog(text: string): RefusedName[] {
  return text.split("\n").flatMap((line): RefusedName[] => {
    const isOfLua = /^\d+ tls \S+ \S+ retry$/.test(line);
    const [seconds = "", how, name = "", address = "", problem = ""] = line.split(
      isOfLua ? " " : "\t",
    );
    if (!/^\d+$/.test(seconds) || (how !== "tls" && how !== "http")) return [];
    return [{ time: Number(seconds) * 1000, how, name, address, problem }];
  });
}
