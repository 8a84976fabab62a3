# Docker inside the guest. Its socket is there from the start, the daemon starts at the first use.
{ config, lib, ... }:
let
  cfg = config.nixbox;
in
{
  options.nixbox.docker.enable = lib.mkOption {
    type = lib.types.bool;
    default = false;
    description = "Whether the guest has Docker, for its user too.";
  };

  config = lib.mkIf cfg.docker.enable {
    virtualisation.docker = {
      enable = true;
      enableOnBoot = lib.mkDefault false;
      # Away from 10.201.0.0/16, where the host's end of the machine's network is.
      daemon.settings.default-address-pools = lib.mkDefault [
        {
          base = "172.30.0.0/16";
          size = 24;
        }
      ];
    };
    users.users.${cfg.user}.extraGroups = [ "docker" ];
  };
}
