import * as z from "../../base/zod.ts";
import { builderHint, guestSystem, probeBuilder } from "../../build/builder.ts";
import { oldestNixText } from "../../build/nix.ts";
import { messageOf } from "../../base/error.ts";
import { exists } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import { parseJson } from "../../base/json.ts";
import { nixMessage } from "../../host/nix/nix_message.ts";
import { isOlderThan, type NixVersion, nixVersion, oldestNix } from "../../host/nix/nix_version.ts";
import { run, toolMs } from "../../host/process/run.ts";
import type { Check } from "./check.ts";

/** What builds need of Nix. That there is none is said where tools are looked for. */
export async function checkNix(host: Host): Promise<readonly Check[]> {
  const nix = await host.which("nix");
  if (nix === undefined) return [];
  let version: NixVersion;
  try {
    version = await nixVersion(nix);
  } catch (error) {
    return [{ name: "nix version", state: "warning", detail: messageOf(error) }];
  }
  const [settings, builder, space] = await Promise.all([
    readSettings(nix, version),
    checkBuilder(host, nix),
    checkStoreSpace(host),
  ]);
  return [checkVersion(version), ...checkSettings(settings), ...builder, ...space];
}

function checkVersion(version: NixVersion): Check {
  const name = "nix version";
  if (!isOlderThan(version, oldestNix)) return { name, state: "ok", detail: version.text };
  return {
    name,
    state: "warning",
    detail: `${version.text}: builds need ${oldestNixText}`,
    hint: "install a newer one (nixos.org/download), or use `nixbox up --runner DIR`",
  };
}

const settingsSchema = z.object({
  "experimental-features": z.object({ value: z.array(z.string()) }),
  substituters: z.object({ value: z.array(z.string()) }),
});

type Settings = z.infer<typeof settingsSchema>;

/** `nix config show` is `nix show-config` before 2.20. */
async function readSettings(nix: string, version: NixVersion): Promise<Settings | undefined> {
  const words = isOlderThan(version, { major: 2, minor: 20 })
    ? ["show-config"]
    : ["config", "show"];
  // Without the features that nixbox adds, flakes say what the user's own calls get.
  const command = ["--extra-experimental-features", "nix-command", "--json"];
  const { stdout } = await run([nix, ...words, ...command], { accept: "any", timeoutMs: toolMs });
  return settingsSchema.safeParse(parseJson(stdout)).data;
}

function checkSettings(settings: Settings | undefined): readonly Check[] {
  if (settings === undefined) return [];
  const hasFlakes = settings["experimental-features"].value.includes("flakes");
  const caches = settings.substituters.value;
  return [
    hasFlakes ? { name: "flakes", state: "ok", detail: "on" } : {
      name: "flakes",
      state: "ok",
      detail: "off in nix.conf; nixbox asks for them itself",
      hint: "for your own calls of nix: `mkdir -p ~/.config/nix && " +
        "echo 'experimental-features = nix-command flakes' >> ~/.config/nix/nix.conf`",
    },
    caches.length > 0 ? { name: "binary cache", state: "ok", detail: caches.join(", ") } : {
      name: "binary cache",
      state: "warning",
      detail: "none is set: Nix compiles every package itself, for hours",
      hint: "take the empty `substituters` out of nix.conf: without it, Nix asks its own cache",
    },
  ];
}

/** Only where the guest is of another system than the host: the build has to be done by another. */
async function checkBuilder(host: Host, nix: string): Promise<readonly Check[]> {
  const system = guestSystem(host.nixSystem);
  if (system === host.nixSystem) return [];
  const name = "Linux builder";
  const { works, message } = await probeBuilder(nix, system);
  if (works) return [{ name, state: "ok", detail: `Nix can build for ${system}` }];
  const [reason = "Nix gave no reason"] = nixMessage(message);
  return [{
    name,
    state: "warning",
    detail: `Nix cannot build for ${system}: ${reason}`,
    hint: builderHint,
  }];
}

/** A guest's system, with what nixpkgs' cache brings to build it, in MiB. */
const enoughForBuild = 8 * 1024;

async function checkStoreSpace(host: Host): Promise<readonly Check[]> {
  if (!await exists("/nix/store")) return [];
  const free = await host.freeSpaceMB("/nix/store");
  const detail = `${(free / 1024).toFixed(1)} GiB free`;
  if (free >= enoughForBuild) return [{ name: "nix store", state: "ok", detail }];
  const hint = "`nix store gc` frees what nothing uses";
  return [{ name: "nix store", state: "warning", detail, hint }];
}
