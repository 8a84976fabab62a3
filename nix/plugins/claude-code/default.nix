# Claude Code: the program, its settings from this host, the names that it needs.
#
# Of ~/.claude the guest sees what Claude Code is set up by, and may change it; nothing of that reaches
# the host, where its hooks would run. Not there: .credentials.json, which has a refresh token, and
# projects, history.jsonl and the like, which have what was said.
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
  mounts = import ../../host-overlays.nix {
    ".claude" = [
      "CLAUDE.md"
      "agents"
      "commands"
      "hooks"
      "output-styles"
      "plugins"
      "rules"
      "settings.json"
      "skills"
      "statusline.sh"
    ];
  };
}
