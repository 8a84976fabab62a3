# The programs that nixbox runs, by the host's system. The hypervisor is not among them: it comes with
# the machine that Nix builds. Nix itself is the host's own, since it must fit its daemon.
{ pkgs }:
let
  inherit (pkgs) lib;
in
[
  pkgs.e2fsprogs
  pkgs.openssh
]
++ lib.optionals pkgs.stdenv.hostPlatform.isLinux [
  pkgs.dnsmasq
  pkgs.haproxy
  pkgs.iproute2
  pkgs.nftables
  pkgs.util-linux
  pkgs.virtiofsd
]
