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

    # Where the guest's way out is a proxy (macOS, mode filtered): for the daemon, which pulls, and for
    # containers, which reach the guest by the first address of the pool above.
    systemd.services = {
      docker.serviceConfig.EnvironmentFile = "-/run/nixbox/proxy.env";
      nixbox-docker-proxy = {
        description = "Tell Docker's client of the proxy";
        wantedBy = [ "multi-user.target" ];
        after = [ "nixbox-provision.service" ];
        unitConfig.ConditionPathExists = "/run/nixbox/proxy.env";
        serviceConfig = {
          Type = "oneshot";
          User = cfg.user;
          EnvironmentFile = "-/run/nixbox/proxy.env";
        };
        script = ''
          config=~/.docker/config.json
          [ ! -e "$config" ] || exit 0
          mkdir -p ~/.docker
          address="http://172.30.0.1:$NIXBOX_PROXY_PORT"
          printf '{"proxies":{"default":{"httpProxy":"%s","httpsProxy":"%s","noProxy":"%s"}}}\n' \
            "$address" "$address" "$NO_PROXY" >"$config"
        '';
      };
    };
  };
}
