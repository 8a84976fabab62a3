{
  description = "nixbox: runs untrusted code, above all AI agents, in a disposable NixOS microVM";

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
      forAllSystems = lib.genAttrs [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
      packagesOf = system: nixpkgs.legacyPackages.${system};

      # nixbox puts what the project's config says beside this file before it builds; without that,
      # this is an example machine.
      projectDirectory = ./project;
      projectFile = projectDirectory + "/project.json";
      project = lib.importJSON (
        if builtins.pathExists projectFile then projectFile else ./nix/example-project.json
      );
    in
    {
      packages = forAllSystems (
        system:
        let
          pkgs = packagesOf system;
        in
        {
          default = self.packages.${system}.nixbox;
          nixbox = pkgs.callPackage ./nix/package.nix { };
          vm-runner = import ./nix/runner.nix {
            inherit pkgs;
            machine = self.nixosConfigurations."nixbox-${system}";
          };
        }
        // lib.optionalAttrs (pkgs.deno ? denort) {
          nixbox-compiled = pkgs.callPackage ./nix/compiled.nix {
            inherit (self.packages.${system}) nixbox;
          };
        }
      );

      apps = forAllSystems (system: {
        default = {
          type = "app";
          program = lib.getExe self.packages.${system}.nixbox;
          meta.description = "run untrusted code, above all AI agents, in a disposable NixOS microVM";
        };
      });

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
            projectDirectory
            hostSystem
            ;
        }
      ));

      # For other flakes that use nixbox's guest, beside microvm.nix's module.
      nixosModules = {
        guest = ./nix/guest;
        default = self.nixosModules.guest;
      };

      overlays.default = final: _: {
        nixbox = final.callPackage ./nix/package.nix { };
      };

      templates = {
        plugin = {
          path = ./nix/templates/plugin;
          description = "a plugin for nixbox, that works, to be changed";
        };
        default = self.templates.plugin;
      };

      devShells = forAllSystems (system: {
        default = import ./nix/dev-shell.nix { pkgs = packagesOf system; };
      });

      checks = forAllSystems (system: {
        inherit (self.packages.${system}) nixbox;
        # Evaluated to the last option; built only by who wants the machine.
        guest = import ./nix/check-guest.nix {
          pkgs = packagesOf system;
          machine = self.nixosConfigurations."nixbox-${system}";
        };
      });

      formatter = forAllSystems (system: (packagesOf system).nixfmt-tree);
    };
}
