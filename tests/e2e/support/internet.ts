import { exists } from "../../../lib/host/files/files.ts";
import { run } from "../../../lib/host/process/run.ts";

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

/** A repository of the internet's: https://allowed.test/repo.git, with one file. */
export async function makeRepository(): Promise<void> {
  const script =
    `set -e; mkdir -p /lab/internet/www; cd /lab/internet/www; rm -rf repo.git /tmp/made; git init -q --bare repo.git
    git clone -q repo.git /tmp/made 2>/dev/null; cd /tmp/made; echo content >file; git add file
    git -c user.name=a -c user.email=a@b commit -qm first; git push -q origin HEAD:master
    cd /lab/internet/www/repo.git; git symbolic-ref HEAD refs/heads/master; git update-server-info`;
  await run(["sh", "-c", script]);
}

/** allowed.test listens on port 22, from the first call on. */
export async function startSshd(): Promise<void> {
  if (await exists("/tmp/internet-host-key")) return;
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/tmp/internet-host-key"]);
  await run([
    ...["ip", "netns", "exec", "internet", "/usr/sbin/sshd", "-h", "/tmp/internet-host-key"],
    ...["-o", "ListenAddress=80.0.113.10"],
  ]);
}
