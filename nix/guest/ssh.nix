# sshd with the keys that the provisioning disk brings: known to the host in advance, in no store. It
# listens on the network, and on vsock, which works where there is no network (macOS).
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.nixbox.ssh;
  sshd = "${config.services.openssh.package}/bin/sshd";
in
{
  options.nixbox.ssh.vsockPort = mkOption {
    type = types.nullOr types.ints.positive;
    default = 2222;
    description = "The vsock port on which sshd listens, too; null for none.";
  };

  config = lib.mkMerge [
    {
      services.openssh = {
        enable = true;
        hostKeys = lib.mkForce [ ];
        generateHostKeys = false;
        authorizedKeysFiles = lib.mkForce [ "/run/nixbox/authorized_keys" ];
        extraConfig = ''
          HostKey /run/nixbox/ssh_host_ed25519_key
          # All commands share one connection.
          MaxSessions 100
        '';
        settings = {
          PermitRootLogin = "no";
          PasswordAuthentication = false;
          KbdInteractiveAuthentication = false;
          UseDns = false;
        };
      };
    }
    (lib.mkIf (cfg.vsockPort != null) {
      systemd.sockets.nixbox-ssh-vsock = {
        description = "sshd on vsock";
        wantedBy = [ "sockets.target" ];
        listenStreams = [ "vsock::${toString cfg.vsockPort}" ];
        socketConfig.Accept = true;
        # As for sshd's own: many commands at once are not a reason to stop listening.
        socketConfig.TriggerLimitIntervalSec = 0;
        # Made by the module below, whether or not the hypervisor gives a vsock.
        unitConfig.ConditionPathExists = "/dev/vsock";
      };
      systemd.services."nixbox-ssh-vsock@" = {
        description = "sshd for one connection over vsock";
        after = [ "nixbox-provision.service" ];
        requires = [ "nixbox-provision.service" ];
        serviceConfig = {
          ExecStart = "-${sshd} -i -f /etc/ssh/sshd_config";
          StandardInput = "socket";
          StandardError = "journal";
          KillMode = "process";
        };
      };
      boot.kernelModules = [ "vmw_vsock_virtio_transport" ];
      # systemd's own would listen on port 22 before there are keys.
      systemd.generators.systemd-ssh-generator = "/dev/null";
    })
  ];
}
