# The NixOS configuration of one project's machine, for a host of one system.
{
  nixpkgs,
  microvm,
  project,
  projectDirectory,
  hostSystem,
}:
let
  inherit (nixpkgs) lib;
  guestSystem = builtins.replaceStrings [ "-darwin" ] [ "-linux" ] hostSystem;
  isDarwin = lib.hasSuffix "-darwin" hostSystem;

  # A package by the name that the config gives: "nodejs", "python3Packages.numpy".
  packageOf =
    pkgs: name:
    lib.attrByPath (lib.splitString "." name)
      (throw "nixbox: nixpkgs has no package \"${name}\" (nix.packages, nix.ldLibraries); search.nixos.org/packages finds names")
      pkgs;
in
nixpkgs.lib.nixosSystem {
  system = guestSystem;
  modules = [
    microvm.nixosModules.microvm
    ./guest
    (
      { pkgs, ... }:
      {
        nixbox = {
          hostName = project.name;
          user = project.user;
          hypervisor = project.hypervisor;
          diskGB = project.diskGB;
          packages = map (packageOf pkgs) project.packages;
          ldLibraries = map (packageOf pkgs) project.ldLibraries;
        };
        microvm.vmHostPackages = lib.mkIf isDarwin nixpkgs.legacyPackages.${hostSystem};
        microvm.storeOnDisk = lib.mkIf isDarwin true;
      }
    )
  ]
  ++ map (file: projectDirectory + "/${file}") project.modules;
}
