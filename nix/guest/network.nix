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
      matchConfig.Type = "ether";
      # Docker's and other cards that software makes are none of ours.
      matchConfig.Kind = "!*";
      networkConfig.DHCP = "ipv4";
      # There is no IPv6 in any mode; waiting for a router would delay what asks for both.
      networkConfig.IPv6AcceptRA = false;
      networkConfig.LinkLocalAddressing = "no";
      dhcpV4Config.ClientIdentifier = "mac";
    };
  };
  # Only the host's name server, as it answers now: what it refuses is to be seen there, and what it
  # answers opens the firewall for as long as it said.
  services.resolved.settings.Resolve = {
    FallbackDNS = "";
    LLMNR = false;
    MulticastDNS = false;
    DNSSEC = false;
    Cache = "no";
  };
}
