# The guest's way out where it has no network card (macOS, mode filtered): a port on its own loopback
# that leads over vsock to the host's allow-list proxy. It is there when provisioning says so.
{ lib, pkgs, ... }:
let
  environment = "/run/nixbox/proxy.env";
in
{
  systemd.services = {
    nixbox-proxy = {
      description = "Lead the proxy's port to the host";
      wantedBy = [ "multi-user.target" ];
      after = [ "nixbox-provision.service" ];
      requires = [ "nixbox-provision.service" ];
      unitConfig.ConditionPathExists = environment;
      serviceConfig = {
        EnvironmentFile = environment;
        # Also for containers, whose loopback is another: no other machine can reach this one. The
        # host is CID 2 (vsock(7)).
        # A side that has nothing more to say may wait ten minutes for the other's answer.
        ExecStart = "${pkgs.socat}/bin/socat -t 600 TCP-LISTEN:\${NIXBOX_PROXY_PORT},fork,reuseaddr VSOCK-CONNECT:2:\${NIXBOX_PROXY_PORT}";
        Restart = "always";
        DynamicUser = true;
      };
    };
    # What it fetches goes by the proxy, too; docker.nix has the same for Docker.
    nix-daemon.serviceConfig.EnvironmentFile = "-${environment}";
  };

  # git over ssh, where network.ports has 22: not for the guest itself.
  programs.ssh.extraConfig = ''
    Match !host localhost,127.0.0.1 exec "test -e ${environment}"
      ProxyCommand ${pkgs.socat}/bin/socat - PROXY:127.0.0.1:%h:%p,proxyport=3128
  '';
}
