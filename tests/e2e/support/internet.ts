import { run } from "../../../lib/host/process.ts";

/** Replaces what the closed internet's name server has in its changing table (hosts(5)). */
export async function changeAnswer(line: string): Promise<void> {
  await Deno.writeTextFile("/lab/internet/changing", `${line}\n`);
  await run(["sh", "-c", 'kill -s HUP "$(cat /run/internet-dnsmasq.pid)"']);
}

/** What the closed internet's servers were reached with since the last look. */
export async function newContacts(): Promise<string[]> {
  const file = "/lab/internet/contacts.log";
  const lines = (await Deno.readTextFile(file)).split("\n").filter((line) => line !== "");
  await Deno.truncate(file);
  return lines;
}
