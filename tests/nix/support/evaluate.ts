import { stage, type StageInput } from "../../../lib/build/stage.ts";
import { checkConfig } from "../../../lib/config/schema.ts";
import { run } from "../../../lib/host/process/run.ts";
import { sampleWith } from "../../unit/config/sample.ts";
import { lockStandIns } from "./stand_in.ts";

const assets = await Deno.realPath(new URL("../../..", import.meta.url));

export interface Machine {
  readonly hypervisor?: StageInput["hypervisor"];
  readonly hostSystem?: StageInput["hostSystem"];
  /** Files in `.nixbox`; those that begin with "module" are the config's modules. */
  readonly files?: Readonly<Record<string, string>>;
  /** Symlinks in `.nixbox`, with where they lead; modules too by their names. */
  readonly links?: Readonly<Record<string, string>>;
  readonly config?: Readonly<Record<string, unknown>>;
  /** The release that its disk is of. */
  readonly stateVersion?: string;
}

/** Evaluates a function of a staged machine's whole configuration with the real nix. */
export async function evaluate(apply: string, machine: Machine = {}): Promise<unknown> {
  const { hypervisor = "qemu", hostSystem = "x86_64-linux", files = {}, links = {}, config = {} } =
    machine;
  const root = await Deno.realPath(await Deno.makeTempDir({ prefix: "it's a guest " }));
  try {
    const configDirectory = `${root}/.nixbox`;
    await Deno.mkdir(configDirectory);
    await lockStandIns(configDirectory);
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${configDirectory}/${name}`, text);
    }
    for (const [name, target] of Object.entries(links)) {
      await Deno.symlink(target, `${configDirectory}/${name}`);
    }
    const modules = Object.keys({ ...files, ...links })
      .filter((name) => name.startsWith("module"))
      .map((name) => `${configDirectory}/${name}`);
    await stage(`${root}/stage`, {
      assets,
      files: "",
      configDirectory,
      config: checkConfig(sampleWith({ "nix.modules": modules, ...config }), "config.nix"),
      hypervisor,
      hostSystem,
      stateVersion: machine.stateVersion,
    });
    const { stdout } = await run([
      ...["nix", "eval", "--json", "--no-update-lock-file"],
      ...["--extra-experimental-features", "nix-command flakes"],
      `path:.#nixosConfigurations.nixbox-${hostSystem}.config`,
      ...["--apply", apply],
    ], { cwd: `${root}/stage` });
    return JSON.parse(stdout);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}
