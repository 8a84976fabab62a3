{
  description = "nixbox: a NixOS machine of its own for code that you do not trust";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    microvm = {
      url = "github:microvm-nix/microvm.nix";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    {
      self,
      nixpkgs,
      microvm,
    }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
      forAllSystems = lib.genAttrs systems;

      # nixbox puts what the project's config says beside this file before it builds; without that,
      # this is an example machine.
      projectFile = ./project/project.json;
      project =
        if builtins.pathExists projectFile then
          lib.importJSON projectFile
        else
          lib.importJSON ./nix/example-project.json;
    in
    {
      # The machine for a host of each system: a Mac's guest is an aarch64 Linux.
      nixosConfigurations = lib.mapAttrs' (
        hostSystem: configuration: lib.nameValuePair "nixbox-${hostSystem}" configuration
      ) (forAllSystems (
        hostSystem:
        import ./nix/machine.nix {
          inherit
            nixpkgs
            microvm
            project
            hostSystem
            ;
          projectDirectory = ./project;
        }
      ));

      packages = forAllSystems (system: rec {
        vm-runner = import ./nix/runner.nix {
          pkgs = nixpkgs.legacyPackages.${system};
          machine = self.nixosConfigurations."nixbox-${system}";
        };
        default = vm-runner;
      });

      # For flakes of one's own that want nixbox's guest.
      nixosModules.guest = ./nix/guest;
    };
}
