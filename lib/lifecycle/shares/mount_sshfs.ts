import { spawnDetached } from "../../host/process/detached.ts";
import { ensurePrivateDirectory, readTail } from "../../host/files/files.ts";
import { NixboxError } from "../../base/error.ts";
import { sshfsCommand, waitForMountCommand } from "../../guest/share_commands.ts";
import { sessionArgv } from "../../guest/ssh.ts";
import { confinedArgv, confinedDirectory, joinedArgv, sftpServerArgs } from "../../share/sftp.ts";
import { areMasksFirm, seatbeltArgv } from "../../share/seatbelt.ts";
import type { TargetedShare } from "../../state/record.ts";
import { deathOf } from "../machine/waiting.ts";
import { confinedProgram, findSftpServer, systemProgram } from "../protection/confined.ts";
import { guestMountError, Mounting } from "./mounting.ts";
import { filterFile } from "../../share/virtiofsd.ts";
import { serverLog } from "./share_server.ts";
import type { Step } from "../machine/steps.ts";

/**
 * A share over the machine's SSH connection: the guest's sshfs talks to an SFTP server of this
 * host's, which sees that one directory only. Needs no device, so it works with any hypervisor.
 */
export class SshfsMounting extends Mounting {
  async steps(): Promise<readonly Step[]> {
    const argv = await this.#argv();
    return [
      this.recordStep,
      {
        name: "mount it in the guest",
        run: () => this.#mount(argv),
        undo: () => this.unmountInGuest(),
      },
    ];
  }

  async #argv(): Promise<readonly string[]> {
    const { share, record } = this;
    const { server, directory } = await this.#server();
    const command = sshfsCommand(share.tag, directory, share.target, share.readonly);
    const client = sessionArgv(record.runtimeDirectory, command, { tty: false });
    const bash = await this.host.which("bash") ?? "bash";
    return joinedArgv(bash, `${share.socket}.fifo`, server, client);
  }

  /** An SFTP server that sees the one directory only, and the path by which it sees it. */
  async #server(): Promise<{ server: readonly string[]; directory: string }> {
    const { host, share } = this;
    const args = sftpServerArgs(share.readonly);
    switch (await host.confinement()) {
      case "namespace": {
        const program = await confinedProgram(host, await findSftpServer(host));
        const filter = [...await host.callFilter() ?? [], filterFile(share)];
        // The masks of new files are the guest's business.
        const place = { ...share, root: share.socket, umask: 0, filter };
        const server = confinedArgv(program, args, place);
        return { server, directory: confinedDirectory };
      }
      case "seatbelt": {
        if (!share.readonly && !areMasksFirm(share.source, share.masks)) throw notHidden(share);
        const program = await systemProgram(
          "/usr/libexec/sftp-server",
          () => findSftpServer(host),
        );
        // The masks of new files are the guest's business.
        const server = seatbeltArgv({ ...share, program }, [...args, "-u", "0"]);
        return { server, directory: share.source };
      }
      case undefined:
        throw notConfined();
    }
  }

  async #mount(argv: readonly string[]): Promise<void> {
    const { host, record, share } = this;
    await this.prepare();
    await ensurePrivateDirectory(share.socket, host.user.uid);
    const logFile = serverLog(host, record.id, share);
    const process = await spawnDetached(host, argv, { logFile, cwd: "/", owner: record.id });
    await this.addServer(process.identity);
    // The pair of programs ends as soon as one of them fails.
    const ended = deathOf("sshfs", process, [logFile]);
    await this.inGuest(
      waitForMountCommand(share.target),
      AbortSignal.any([this.signal, ended]),
    ).catch(async (error) => {
      throw ended.aborted ? guestMountError(share, await readTail(logFile)) : error;
    });
  }
}

function notHidden(share: TargetedShare): NixboxError {
  return new NixboxError(`${share.source} must not be shared: nothing deep in it can be hidden`, {
    where: "mounts",
    hint: `it holds ${share.masks.join(", ")}; share it read-only, or a directory below it`,
  });
}

function notConfined(): NixboxError {
  return new NixboxError("an SFTP server cannot be confined to one directory on this host", {
    where: "--via sshfs",
    hint: "allow user namespaces (`nixbox doctor` says how), or leave --via out",
  });
}
