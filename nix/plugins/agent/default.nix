# Coding agents: codex, gemini, opencode, with their settings from this host and the names they need.
#
# Their directories are overlays: the guest may change what it sees, and nothing of that reaches the
# host, where the agents' own tools and hooks would run.
{
  nix.packages = [
    "codex"
    "gemini-cli"
    "opencode"
  ];
  network.domains = [
    "openai.com"
    "chatgpt.com"
    "anthropic.com"
    "generativelanguage.googleapis.com"
    "cloudcode-pa.googleapis.com"
    "oauth2.googleapis.com"
    "accounts.google.com"
    "openrouter.ai"
    "opencode.ai"
    "models.dev"
  ];
  mounts = import ../../host-overlays.nix [
    ".codex"
    ".gemini"
    ".config/opencode"
    ".local/share/opencode"
  ];
}
