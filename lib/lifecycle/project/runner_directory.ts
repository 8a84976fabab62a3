import * as z from "../../base/zod.ts";
import { stateVersionOf } from "../../build/state_version.ts";
import { messageOf, NixboxError } from "../../base/error.ts";
import { readTextIfExists } from "../../host/files/files.ts";
import { readRunner, type Runner } from "../../runner/mod.ts";

/** What a runner's package holds, as `nix build .#vm-runner` makes it. */
export interface RunnerDirectory {
  readonly runner: Runner;
  readonly guest: { readonly user: string; readonly home: string };
  /** The guest's `system.stateVersion`, where the runner tells it. */
  readonly stateVersion: string | undefined;
  /** microvm.nix's own shares: what its `virtiofsd-run` would serve. */
  readonly shares: readonly { readonly tag: string; readonly source: string }[];
}

const guestSchema = z.object({
  user: z.string().check(z.regex(/^[a-z_][a-z0-9_-]{0,31}$/)),
  home: z.string().check(z.regex(/^\/[^\0\n]*$/)),
});

/** @throws {NixboxError} if there is no runner, it does not parse, or its facts are not as agreed. */
export async function readRunnerDirectory(directory: string): Promise<RunnerDirectory> {
  const script = `${directory}/bin/microvm-run`;
  const text = await readTextIfExists(script);
  if (text === undefined) {
    throw new NixboxError(`${directory} holds no runner`, {
      where: script,
      hint: "give the directory that `nix build .#vm-runner` made, the one with bin/microvm-run",
    });
  }
  const runner = readRunner(text, script);
  const shares = await Promise.all(
    runner.shares.filter(({ socket }) => socket !== undefined).map(async ({ tag }) => ({
      tag,
      source: await shareSource(directory, tag),
    })),
  );
  return {
    runner,
    guest: await readGuest(directory),
    stateVersion: await stateVersionOf(directory),
    shares,
  };
}

async function readGuest(directory: string): Promise<RunnerDirectory["guest"]> {
  const file = `${directory}/share/nixbox/guest.json`;
  const text = await readTextIfExists(file);
  try {
    return guestSchema.parse(JSON.parse(text ?? "null"));
  } catch (error) {
    throw new NixboxError("the runner does not say who its guest's user is", {
      where: file,
      hint: 'it must hold {"user":"NAME","home":"/home/NAME"}; rebuild the runner with this nixbox',
      log: text === undefined ? [] : [messageOf(error)],
    });
  }
}

/** microvm.nix keeps each share's source beside the runner, under share/microvm/virtiofs/TAG. */
async function shareSource(directory: string, tag: string): Promise<string> {
  const file = `${directory}/share/microvm/virtiofs/${tag}/source`;
  const source = /^[\w.-]+$/.test(tag) ? (await readTextIfExists(file))?.trim() : undefined;
  if (source !== undefined && source.startsWith("/")) return source;
  throw new NixboxError(`the runner has a share "${tag}" and does not say of what`, {
    where: file,
  });
}
