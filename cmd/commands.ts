import type { Command, RouteMap } from "./stricli.ts";
import type { CommandLineContext } from "./context.ts";

/** What a command is about, in the order in which `--help` tells of it. */
export const groups = ["machine", "files", "network", "project", "host"] as const;

export interface CommandEntry {
  readonly group: typeof groups[number];
  readonly brief: string;
  /** Loads the command's file: only that of the command which runs. */
  readonly load: () => Promise<Command<CommandLineContext> | RouteMap<CommandLineContext>>;
  readonly isHidden?: boolean;
}

/** All commands, in the order in which `--help` lists them within their group. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  up: {
    group: "machine",
    brief: "boot this project's machine",
    load: async () => (await import("./up.ts")).command,
  },
  down: {
    group: "machine",
    brief: "stop the machine and clean up after it",
    load: async () => (await import("./down.ts")).command,
  },
  shell: {
    group: "machine",
    brief: "open a shell in the machine",
    load: async () => (await import("./shell.ts")).command,
  },
  run: {
    group: "machine",
    brief: "run one command in the machine",
    load: async () => (await import("./run.ts")).command,
  },
  logs: {
    group: "machine",
    brief: "show a log: console, hypervisor, dnsmasq, virtiofsd, provisioning, ssh",
    load: async () => (await import("./logs.ts")).command,
  },
  "ssh-config": {
    group: "machine",
    brief: "print what ssh, rsync and editors need to reach the machine",
    load: async () => (await import("./ssh_config.ts")).command,
  },
  cp: {
    group: "files",
    brief: "copy files into the machine or out of it",
    load: async () => (await import("./cp.ts")).command,
  },
  mount: {
    group: "files",
    brief: "share a directory with the running machine",
    load: async () => (await import("./mount.ts")).command,
  },
  unmount: {
    group: "files",
    brief: "remove a share from the running machine",
    load: async () => (await import("./unmount.ts")).command,
  },
  network: {
    group: "network",
    brief: "show and change what the machine may reach, and list what it was refused",
    load: async () => (await import("./network.ts")).command,
  },
  init: {
    group: "project",
    brief: "write an example config into this directory",
    load: async () => (await import("./init.ts")).command,
  },
  trust: {
    group: "project",
    brief: "show what this project asks of this host, and accept it",
    load: async () => (await import("./trust.ts")).command,
  },
  config: {
    group: "project",
    brief: "print the project's resolved config as JSON",
    load: async () => (await import("./config.ts")).command,
  },
  build: {
    group: "project",
    brief: "build the machine without starting it",
    load: async () => (await import("./build.ts")).command,
  },
  update: {
    group: "project",
    brief: "update the project's flake.lock and build with it",
    load: async () => (await import("./update.ts")).command,
  },
  setup: {
    group: "project",
    brief: "make the project's keys and directories; migrate a project of the earlier nixbox",
    load: async () => (await import("./setup.ts")).command,
  },
  plugins: {
    group: "project",
    brief: "list plugins and their commands",
    load: async () => (await import("./plugins.ts")).command,
  },
  plugin: {
    group: "project",
    brief: "write a new plugin",
    load: async () => (await import("./plugin.ts")).command,
  },
  status: {
    group: "host",
    brief: "list all of your machines",
    load: async () => (await import("./status.ts")).command,
  },
  doctor: {
    group: "host",
    brief: "check what this host needs, and remove what crashes left",
    load: async () => (await import("./doctor.ts")).command,
  },
  completions: {
    group: "host",
    brief: "print a completion script for bash, zsh or fish",
    load: async () => (await import("./completions.ts")).command,
  },
  complete: {
    group: "host",
    brief: "propose words; called by the completion scripts",
    load: async () => (await import("./complete.ts")).command,
    isHidden: true,
  },
  "internal-proxy": {
    group: "host",
    brief: "serve a machine's allow-list proxy; started by up",
    load: async () => (await import("./internal_proxy.ts")).command,
    isHidden: true,
  },
};
