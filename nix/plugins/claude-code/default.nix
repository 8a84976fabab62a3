# Claude Code: the program, its settings from this host, the names that it needs.
#
# ~/.claude is an overlay: the guest sees what the host has and may change it, and nothing of that
# reaches the host, where its hooks would run.
{
  nix = {
    packages = [ "claude-code" ];
    modules = [ ./guest.nix ];
  };
  network.domains = [
    "anthropic.com"
    "claude.ai"
    "claude.com"
  ];
  mounts = import ../../host-overlays.nix [ ".claude" ];
}
