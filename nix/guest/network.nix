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
      networkConfig.DHCP = "ipv4";
      dhcpV4Config.ClientIdentifier = "mac";
    };
    # Nothing at boot needs the network to be up.
    wait-online.enable = false;
  };
}
