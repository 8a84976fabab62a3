# DHCP on the one card. The MAC identifies the guest: some DHCP servers keep no other identifier.
{ lib, ... }:
{
  networking = {
    useDHCP = false;
    useNetworkd = true;
    # The host filters, from outside; a firewall in here would only get in the way.
    firewall.enable = lib.mkDefault false;
  };
  systemd.network = {
    enable = true;
    networks."10-nixbox" = {
      matchConfig = {
        Type = "ether";
        # Cards that software makes, such as Docker's, are not nixbox's.
        Kind = "!*";
      };
      networkConfig = {
        DHCP = "ipv4";
        # There is no IPv6 in any mode; waiting for a router would delay what asks for both.
        IPv6AcceptRA = false;
        LinkLocalAddressing = "no";
        LLMNR = false;
        MulticastDNS = false;
        DNSSEC = false;
      };
      dhcpV4Config.ClientIdentifier = "mac";
    };
  };
  # Only the host's name server, as it answers now: what it refuses is to be seen there, and what it
  # answers opens the firewall for as long as it said. A separate file, since the options of NixOS
  # for it have changed their names and types from release to release.
  services.resolved.enable = true;
  environment.etc."systemd/resolved.conf.d/nixbox.conf".text = ''
    [Resolve]
    FallbackDNS=
    Cache=no
  '';
}
