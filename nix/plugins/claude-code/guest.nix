# Claude Code's licence is not a free one, so nixpkgs wants to be told.
{ lib, ... }:
{
  nixpkgs.config.allowUnfreePredicate = package: lib.getName package == "claude-code";
}
