/**
 * `deno task bundle`: makes `dist/nixbox`, a directory that runs from any place with only deno on
 * PATH: bin/nixbox, the code in lib/, nixbox's Nix files in share/nixbox.
 */
import { run } from "../host/process.ts";
import { removeIfExists } from "../host/files.ts";

/** Makes the bundle in `directory`, which is emptied first. */
export async function makeBundle(root: string, directory: string): Promise<void> {
  await removeIfExists(directory);
  await Deno.mkdir(`${directory}/bin`, { recursive: true });
  // One file would load every command's code and Node modules at once; chunks keep that lazy.
  await run([
    ...[Deno.execPath(), "bundle", "--quiet", "--minify", "--code-splitting"],
    ...["--platform=deno", "--outdir", `${directory}/lib`, "main.ts", "mod.ts"],
  ], { cwd: root });
  const share = `${directory}/share/nixbox`;
  await Deno.mkdir(share, { recursive: true });
  for (const name of ["flake.nix", "flake.lock", "nix"]) {
    await run(["cp", "-R", `${root}/${name}`, `${share}/${name}`]);
  }
  // For plugins' commands in TypeScript, which import the library by this name.
  const settings = { imports: { nixbox: "../../lib/mod.js" } };
  await Deno.writeTextFile(`${share}/deno.json`, `${JSON.stringify(settings)}\n`);
  await Deno.copyFile(`${root}/lib/packaging/launcher.sh`, `${directory}/bin/nixbox`);
  await Deno.chmod(`${directory}/bin/nixbox`, 0o755);
}

if (import.meta.main) {
  const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
  await makeBundle(root, `${root}/dist/nixbox`);
  console.log("dist/nixbox/bin/nixbox");
}
