# Stands in for nixpkgs where that cannot be had: the functions of its lib that nixbox's flake uses, a
# small module system, and packages that are tiny derivations.
{
  outputs =
    { self }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
      lib = import ./lib.nix // {
        nixosSystem = import ./nixos.nix { inherit lib; };
      };
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs systems (system: import ./packages.nix { inherit lib system; });
    };
}
