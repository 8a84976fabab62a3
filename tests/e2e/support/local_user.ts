import { type Finished, run } from "../../../lib/host/process/run.ts";
import { exists } from "../../../lib/host/files/files.ts";
import { nixboxArgv, TestProject } from "./machine.ts";

/** Made by whatever of the attacker's comes to run with somebody else's rights. */
export const pwned = "/var/tmp/pwned";

/** The attacker: a user without any right, beside the victim. */
export const nobody = 65534;

/** Runs a line of shell as the attacker; any exit code is an answer. */
export async function asNobody(line: string, timeoutMs = 60_000): Promise<Finished> {
  const as = [`--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups", "--inh-caps=-all"];
  return await run(["setpriv", ...as, "--", "sh", "-c", line], {
    accept: "any",
    cwd: "/",
    timeoutMs,
  });
}

/** Something that the attacker keeps running, until it is let go. */
export class AttackersProcess {
  private constructor(private readonly child: Deno.ChildProcess) {}

  /** Starts a line of shell as the attacker, and waits until it has printed its first line. */
  static async start(line: string): Promise<AttackersProcess> {
    const child = new Deno.Command("setpriv", {
      args: [
        ...[`--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups", "--inh-caps=-all"],
        ...["--", "sh", "-c", line],
      ],
      cwd: "/",
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
      detached: true,
    }).spawn();
    const reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    return new AttackersProcess(child);
  }

  get pid(): number {
    return this.child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      Deno.kill(-this.child.pid, "SIGKILL");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    await this.child.status;
  }
}

/** Who is attacked: which user, and whether that has a session's runtime directory. */
export interface Victim {
  readonly name: string;
  readonly uid: number;
  /** What nixbox is called by. */
  readonly before: readonly string[];
  readonly runtime: string;
  readonly home: string;
}

const dev = { uid: 1000, home: "/home/dev" };
const root = { uid: 0, home: "/root" };

export const victims: readonly Victim[] = [
  { ...root, name: "root", before: [], runtime: "/run/nixbox/users/0" },
  {
    ...root,
    name: "root with a session",
    before: ["env", "XDG_RUNTIME_DIR=/run/user/0"],
    runtime: "/run/user/0/nixbox",
  },
  {
    ...dev,
    name: "an ordinary user",
    before: ["as-dev", "env", "-u", "XDG_RUNTIME_DIR"],
    runtime: "/run/nixbox/users/1000",
  },
  {
    ...dev,
    name: "an ordinary user with a session",
    before: ["as-dev"],
    runtime: "/run/user/1000/nixbox",
  },
];

/** A project of a victim's, made in a directory that the attacker can read. */
export async function projectOf(
  victim: Victim,
  config = "",
  name = "box",
): Promise<TestProject> {
  await run(["install", "-d", "-m", "700", "-o", "0", "-g", "0", "/run/user/0"]);
  const project = await TestProject.make(config, name, [...victim.before, ...nixboxArgv()]);
  if (victim.uid !== 0) await run(["chown", "-R", "dev:dev", project.directory]);
  return project;
}

export async function wasPwned(): Promise<boolean> {
  return await exists(pwned);
}

/** Takes away whatever the attacker has laid about, and nixbox's shared directory with it. */
export async function cleanUp(): Promise<void> {
  await run(["sh", "-c", "rm -rf /run/nixbox /tmp/nixbox-* /dev/shm/nixbox-* /var/tmp/pwned*"]);
}
