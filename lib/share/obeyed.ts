/**
 * What this host's programs run or obey as soon as somebody enters a directory, opens it in an editor
 * or coding agent, or uses git there: a guest that could write it would run code here. Names below
 * the directory that is shared. `.git` stands for those of its files that git runs or obeys
 * ({@linkcode gitSealed}), not for the history and the index.
 */
export const obeyedByDefault: readonly string[] = [
  ".git",
  // direnv
  ".envrc",
  ".direnv",
  // editors: tasks, launchers, settings that name programs
  ".vscode",
  ".idea",
  ".zed",
  ".devcontainer",
  // hooks of git's that a hook in .git calls
  ".husky",
  ".pre-commit-config.yaml",
  // coding agents: hooks, permissions, servers that they start
  ".mcp.json",
  ".claude",
  ".codex",
  ".cursor",
  ".gemini",
];

/**
 * Of a repository, what git runs or obeys (gitrepository-layout(5)): programs, or where it finds
 * them. `commondir` leads git to another config and other hooks; a main work tree has none.
 */
export const gitSealed = ["hooks", "config", "commondir"] as const;

/** What is only obeyed if it is there, or only if the config (which is sealed) says so. */
export const gitSealedIfThere = ["config.worktree", "worktrees"] as const;

/** A `commondir` that says what git does without one. */
export const neutralCommonDirectory = ".\n";
