# What it takes to work on nixbox: `nix develop`, then `deno task ok`.
{ pkgs }:
pkgs.mkShell {
  packages = import ./runtime-tools.nix { inherit pkgs; } ++ [
    pkgs.deno
    pkgs.nixfmt-tree
  ];
}
