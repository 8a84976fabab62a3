/**
 * What consent costs an `up` with nothing changed: reading and hashing the content, its copy and the
 * confinement of Nix, against the same evaluation by a plain `nix eval` of the files where they lie.
 * In turn, in one process, so that starting deno does not count. Run by `deno task bench consent`.
 */
import { configFacts } from "../../lib/config/facts.ts";
import { findProject } from "../../lib/config/find.ts";
import { detectHost } from "../../lib/host/detect.ts";
import { run } from "../../lib/host/process/run.ts";
import { openAcceptedConfig, reviewProject } from "../../lib/lifecycle/trust/consent.ts";
import { median, row, timed } from "./figures.ts";
import { makeProject } from "./project.ts";

const rounds = 30;
const host = await detectHost();

/** A workspace with so many files beside `.nixbox`, in git. */
async function workspace(files: number): Promise<string> {
  const directory = await makeProject();
  const fill = `cd "$1"; git init -q .; i=0; while [ $i -lt $2 ]; do d=src/$((i / 200)); ` +
    "mkdir -p $d; for j in $(seq 200); do echo $i >$d/$j.txt; done; i=$((i + 200)); done; " +
    "git add . 2>/dev/null";
  await run(["sh", "-c", fill, "sh", directory, `${files}`]);
  return directory;
}

for (const files of [0, 20_000]) {
  const directory = await workspace(files);
  try {
    const project = await findProject(host, directory);
    await (await reviewProject(host, project)).accept();
    const withConsent = async () => {
      await using _accepted = await openAcceptedConfig(host, project);
    };
    const plain = () =>
      run([
        ...["nix", "eval", "--json", "--impure", "--offline"],
        ...["--extra-experimental-features", "nix-command flakes"],
        ...["--file", "/src/nix/resolve.nix", "answer", "--argstr", "root", ""],
        ...["--argstr", "configFile", project.configFile],
        ...["--argstr", "pluginsDir", "/src/nix/plugins"],
        ...["--argstr", "facts", JSON.stringify(configFacts(host, project))],
      ]);
    const times: { consent: number[]; plain: number[] } = { consent: [], plain: [] };
    for (let round = 0; round <= rounds; round++) {
      const pair = { consent: await timed(withConsent), plain: await timed(plain) };
      if (round === 0) continue;
      times.consent.push(pair.consent);
      times.plain.push(pair.plain);
    }
    const differences = times.consent.map((value, index) => value - (times.plain[index] ?? 0));
    console.log(`consent, a workspace of ${files} files, median of ${rounds} pairs:`);
    console.log(row("nix eval alone", times.plain));
    console.log(row("with consent", times.consent));
    console.log(row("what consent costs", differences, `${median(differences).toFixed(1)} ms`));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
