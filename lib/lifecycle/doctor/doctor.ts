import { groupManager } from "../../host/confinement/control_group.ts";
import type { Host } from "../../host/host.ts";
import { NixboxError } from "../../base/error.ts";
import { exists } from "../../host/files/files.ts";
import { refusedPrograms } from "../../host/process/programs.ts";
import { checkRuntimeDirectories } from "../../host/root/runtime_directory.ts";
import { run, toolMs } from "../../host/process/run.ts";
import { missingModules, modulesHint } from "../../network/rules/kernel_features.ts";
import {
  dnsmasqFeatures,
  enoughOpenFiles,
  openFilesHint,
  openFilesWarning,
} from "../boot/requirements.ts";
import { installHint, type Tool, toolsFor } from "../../host/tools.ts";
import { claimFile } from "../../state/claims.ts";
import { defaultSlotPlace, readSlots, slotCount } from "../../state/slots.ts";
import type { Check } from "./check.ts";
import { checkNix } from "./doctor_nix.ts";

/** Looks at everything that this host needs. Changes nothing. */
export async function examine(host: Host): Promise<readonly Check[]> {
  const acceleration = await host.acceleration();
  const checks = (await Promise.all([
    ...toolsFor(host.os).filter((tool) => tool.neededFor !== "tcg" || !acceleration.usable)
      .map((tool) => checkTool(host, tool)),
    ...(host.guestLink === "tap" ? linuxChecks(host) : [macosChecksOf(host)]),
    checkNix(host),
    checkRuntimeDirectory(host),
    checkMemory(host),
  ])).flat();
  return [
    {
      name: "acceleration",
      state: acceleration.usable ? "ok" : host.guestLink === "tap" ? "warning" : "missing",
      detail: acceleration.reason,
      ...(acceleration.usable ? {} : {
        hint: host.guestLink === "tap"
          ? "machines run emulated and slowly; use a host with working virtualization"
          : "no machine runs here: use a Mac that is not a virtual machine itself",
      }),
    },
    ...checks,
  ];
}

/** Machines go up without these, in some mode at least, or bring them along. */
const optional: readonly Tool["neededFor"][] = ["build", "inspect", "kvm"];

async function checkTool(host: Host, tool: Tool): Promise<Check> {
  const path = await host.which(tool.program);
  if (path !== undefined) return { name: tool.program, state: "ok", detail: path };
  const [refused] = refusedPrograms(tool.program);
  if (refused !== undefined) {
    return {
      name: tool.program,
      state: optional.includes(tool.neededFor) ? "warning" : "missing",
      detail: `${refused.path} is not run: ${refused.reason}`,
      hint: "have it where nobody else can change it: `ls -l` shows who can",
    };
  }
  return {
    name: tool.program,
    state: optional.includes(tool.neededFor) ? "warning" : "missing",
    detail: `not installed; it ${tool.purpose}`,
    hint: await installHint([tool.program]),
  };
}

/** Sockets and secrets lie there: another user's directory in its place is not used. */
async function checkRuntimeDirectory(host: Host): Promise<Check> {
  const name = "runtime directory";
  try {
    await checkRuntimeDirectories(host);
    return { name, state: "ok", detail: host.paths.runtime };
  } catch (error) {
    if (!(error instanceof NixboxError)) throw error;
    const { hint } = error;
    return {
      name,
      state: "missing",
      detail: error.message,
      ...(hint === undefined ? {} : { hint }),
    };
  }
}

async function macosChecksOf(host: Host): Promise<readonly Check[]> {
  return await (await import("./doctor_macos.ts")).macosChecks(host);
}

function linuxChecks(host: Host): readonly Promise<Check>[] {
  return [
    checkTun(),
    checkUserNamespaces(host),
    checkDnsmasq(host),
    checkFirewall(host),
    checkPrivilege(host),
    checkOpenFiles(host),
    checkGroups(),
    checkClaims(host),
  ];
}

/** What bounds the memory and processes of a machine's programs together. */
async function checkGroups(): Promise<Check> {
  const name = "resource limits";
  switch (await groupManager()) {
    case "systemd":
      return { name, state: "ok", detail: "a scope of systemd for each machine (nixbox.slice)" };
    case "cgroup":
      return { name, state: "ok", detail: "a control group for each machine" };
    case "none":
      return {
        name,
        state: "warning",
        detail:
          "no control groups with memory and pids (cgroup v2): of a machine's programs only " +
          "the hypervisor alone is bounded, by a limit of its memory (RLIMIT_DATA)",
        hint: "boot with systemd.unified_cgroup_hierarchy=1, or mount cgroup2 on /sys/fs/cgroup",
      };
  }
}

/** A claim of root's that cannot be read keeps its slot: nobody knows what runs on it. */
async function checkClaims(host: Host): Promise<Check> {
  const name = "network slots";
  const states = await readSlots(host, defaultSlotPlace);
  const [unreadable] = states.filter(({ problem }) => problem !== undefined);
  if (unreadable?.problem === undefined) {
    return { name, state: "ok", detail: `${states.length} of ${slotCount} in use` };
  }
  const path = claimFile(defaultSlotPlace, unreadable.slot);
  return {
    name,
    state: "warning",
    detail: unreadable.problem,
    hint: `if no machine runs on slot ${unreadable.slot}: \`sudo rm -r ${path}\``,
  };
}

async function checkTun(): Promise<Check> {
  if (await exists("/dev/net/tun")) return { name: "tun", state: "ok", detail: "/dev/net/tun" };
  return {
    name: "tun",
    state: "missing",
    detail: "the kernel offers no tap devices",
    hint: "load the module: `sudo modprobe tun`",
  };
}

async function checkUserNamespaces(host: Host): Promise<Check> {
  const name = "user namespaces";
  if (await host.userNamespaces()) {
    return { name, state: "ok", detail: "hypervisor and servers of shares are confined by them" };
  }
  return {
    name,
    state: "warning",
    detail: "not allowed to users here: root confines hypervisor and virtiofsd instead; `cp` and " +
      "`mount --via sshfs` are refused, and Nix reads a config with its own restrictions alone",
    hint: "on Ubuntu: `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`",
  };
}

async function checkDnsmasq(host: Host): Promise<Check> {
  const name = "dnsmasq nftset";
  const dnsmasq = await host.which("dnsmasq");
  if (dnsmasq === undefined) return { name, state: "warning", detail: "dnsmasq is not installed" };
  const { version, nftset } = await dnsmasqFeatures(host);
  if (nftset) return { name, state: "ok", detail: version };
  return {
    name,
    state: "warning",
    detail: `${version} was built without nftset: network.mode "filtered" needs it`,
    hint:
      "install dnsmasq 2.87 or later with nftset, as Debian 12, Ubuntu 24.04 and nixpkgs have it",
  };
}

/** Whether the kernel takes the rules; asking it needs root, without a question for a password. */
async function checkFirewall(host: Host): Promise<Check> {
  const name = "firewall";
  const isRoot = host.user.uid === 0;
  if (
    !isRoot && (await run(["sudo", "-n", "true"], { accept: "any", timeoutMs: toolMs })).code !== 0
  ) {
    return { name, state: "ok", detail: "not looked at: that needs root" };
  }
  if (await host.which("nft") === undefined) return { name, state: "ok", detail: "see nft above" };
  const missing = await missingModules(host);
  if (missing.length === 0) return { name, state: "ok", detail: "the kernel takes its rules" };
  return {
    name,
    state: "missing",
    detail: `the kernel lacks ${missing.join(", ")}`,
    hint: modulesHint(missing),
  };
}

async function checkPrivilege(host: Host): Promise<Check> {
  const name = "root commands";
  if (host.user.uid === 0) return { name, state: "ok", detail: "you are root" };
  if (await host.which("sudo") === undefined) {
    return {
      name,
      state: "missing",
      detail: "no sudo: the tap and the firewall need root",
      hint: "install sudo and allow it to your user, or run nixbox as root",
    };
  }
  const { code } = await run(["sudo", "-n", "true"], { accept: "any", timeoutMs: toolMs });
  const detail = code === 0 ? "sudo without a password" : "sudo; it may ask for your password";
  return { name, state: "ok", detail };
}

/** What the kernel allows to this process; virtiofsd needs a file descriptor per file in use. */
async function checkOpenFiles(host: Host): Promise<Check> {
  const name = "open files";
  const { limit } = await host.openFiles();
  if (limit >= enoughOpenFiles) return { name, state: "ok", detail: `${limit} at most` };
  return { name, state: "warning", detail: openFilesWarning(limit), hint: openFilesHint };
}

function checkMemory(host: Host): Promise<Check> {
  const { totalMB, availableMB } = host.memory();
  const detail = `${availableMB} of ${totalMB} MB free`;
  const isShort = availableMB < 2048;
  return Promise.resolve({
    name: "memory",
    state: isShort ? "warning" : "ok",
    detail,
    ...(isShort ? { hint: "set resources.memoryMB low, or free some memory" } : {}),
  });
}
