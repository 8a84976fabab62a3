# Coding agents: codex, gemini, opencode, with their settings from this host and the names they need.
#
# Their settings are overlays: the guest may change what it sees, and nothing of that reaches the host,
# where the agents' own tools and hooks would run. Not there: auth.json, oauth_creds.json and the like,
# which have refresh tokens, and sessions and histories.
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
  mounts = import ../../host-overlays.nix {
    ".codex" = [
      "AGENTS.md"
      "config.toml"
      "prompts"
      "rules"
      "skills"
    ];
    ".gemini" = [
      "GEMINI.md"
      "commands"
      "extensions"
      "settings.json"
    ];
    ".config/opencode" = [
      "AGENTS.md"
      "agent"
      "agents"
      "command"
      "commands"
      "opencode.json"
      "opencode.jsonc"
      "plugin"
      "plugins"
      "themes"
    ];
  };
}
