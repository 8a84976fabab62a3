import type { Command, RouteMap } from "./stricli.ts";
import type { CommandLineContext } from "./context.ts";

export interface CommandEntry {
  readonly brief: string;
  /** Loads the command's file: only that of the command which runs. */
  readonly load: () => Promise<Command<CommandLineContext> | RouteMap<CommandLineContext>>;
  readonly isHidden?: boolean;
}

/** All commands, in the order in which `--help` lists them. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  init: {
    brief: "write an example config into this directory",
    load: async () => (await import("./init.ts")).command,
  },
  up: {
    brief: "boot this project's machine",
    load: async () => (await import("./up.ts")).command,
  },
  down: {
    brief: "stop the machine and clean up after it",
    load: async () => (await import("./down.ts")).command,
  },
  shell: {
    brief: "open a shell in the machine",
    load: async () => (await import("./shell.ts")).command,
  },
  run: {
    brief: "run one command in the machine",
    load: async () => (await import("./run.ts")).command,
  },
  cp: {
    brief: "copy files into the machine or out of it",
    load: async () => (await import("./cp.ts")).command,
  },
  mount: {
    brief: "share a directory with the running machine",
    load: async () => (await import("./mount.ts")).command,
  },
  unmount: {
    brief: "take a share away from the running machine",
    load: async () => (await import("./unmount.ts")).command,
  },
  status: {
    brief: "list machines",
    load: async () => (await import("./status.ts")).command,
  },
  "ssh-config": {
    brief: "print what ssh, rsync and editors need to reach the machine",
    load: async () => (await import("./ssh_config.ts")).command,
  },
  logs: {
    brief: "show a log: console, hypervisor, dnsmasq, virtiofsd, provisioning, ssh",
    load: async () => (await import("./logs.ts")).command,
  },
  network: {
    brief: "what the machine may reach, and what it was refused",
    load: async () => (await import("./network.ts")).command,
  },
  config: {
    brief: "print the resolved config as JSON",
    load: async () => (await import("./config.ts")).command,
  },
  plugins: {
    brief: "list plugins and their commands",
    load: async () => (await import("./plugins.ts")).command,
  },
  plugin: {
    brief: "write a plugin of one's own",
    load: async () => (await import("./plugin.ts")).command,
  },
  trust: {
    brief: "show what this project asks of this host, and accept it",
    load: async () => (await import("./trust.ts")).command,
  },
  doctor: {
    brief: "check what this host needs and clear leftovers",
    load: async () => (await import("./doctor.ts")).command,
  },
  setup: {
    brief: "make the project's keys and directories",
    load: async () => (await import("./setup.ts")).command,
  },
  build: {
    brief: "build the machine without starting it",
    load: async () => (await import("./build.ts")).command,
  },
  update: {
    brief: "renew the project's flake.lock and build with it",
    load: async () => (await import("./update.ts")).command,
  },
  completions: {
    brief: "print a completion script for bash, zsh or fish",
    load: async () => (await import("./completions.ts")).command,
  },
  complete: {
    brief: "propose words; called by the completion scripts",
    load: async () => (await import("./complete.ts")).command,
    isHidden: true,
  },
  "internal-proxy": {
    brief: "serve a machine's allow-list proxy; started by up",
    load: async () => (await import("./internal_proxy.ts")).command,
    isHidden: true,
  },
};
