/** The directory of a project with a small machine, for one measure. The caller removes it. */
export async function makeProject(more = ""): Promise<string> {
  const directory = await Deno.makeTempDir({ dir: "/var/tmp" });
  await Deno.chmod(directory, 0o755);
  await Deno.mkdir(`${directory}/.nixbox`);
  await configure(directory, more);
  return directory;
}

/** Writes its config; `more` stands in it beside the machine's size. */
export async function configure(directory: string, more = ""): Promise<void> {
  const config = `{ name = "bench"; resources = { vcpus = 2; memoryMB = 1024; }; ${more} }\n`;
  await Deno.writeTextFile(`${directory}/.nixbox/config.nix`, config);
}
