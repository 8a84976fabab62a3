import { readRunner, type Runner } from "../../../lib/runner/mod.ts";

export type FixtureName = "qemu" | "cloud-hypervisor" | "vfkit" | "vfkit_socket";

/** The text of a runner in the format that microvm.nix writes. */
export function fixtureText(name: FixtureName): string {
  return Deno.readTextFileSync(new URL(`./fixtures/${name}.sh`, import.meta.url));
}

export function fixture(name: FixtureName): Runner {
  return readRunner(fixtureText(name), `${name}.sh`);
}

/** The runner's argv; words whose value only the shell knows as their source. */
export function argvOf({ script }: Runner): string[] {
  return script.argv.map((word) => typeof word === "string" ? word : word.shell);
}

/** Every value that follows a flag, up to the next flag. */
export function valuesAfter(runner: Runner, flag: string): string[] {
  const argv = argvOf(runner);
  return argv.flatMap((word, index) => {
    if (word !== flag) return [];
    const rest = argv.slice(index + 1);
    const end = rest.findIndex((next) => next.startsWith("-") || next.startsWith("${"));
    return end < 0 ? rest : rest.slice(0, end);
  });
}
