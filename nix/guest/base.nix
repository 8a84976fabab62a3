# Packages, and what makes a NixOS comfortable for programs that were not built for it.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  cfg = config.nixbox;
in
{
  options.nixbox = {
    hostName = mkOption {
      type = types.str;
      default = "nixbox";
      description = "Host name until the provisioning disk gives the project's.";
    };
    packages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Packages in the guest, beside git, curl and the like.";
    };
    ldLibraries = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Libraries for programs that were not built by Nix (nix-ld).";
    };
  };

  config = {
    networking.hostName = lib.mkDefault cfg.hostName;
    environment.systemPackages =
      (with pkgs; [
        curl
        git
        gnutar
        jq
        ripgrep
        sshfs
        vim
      ])
      ++ cfg.packages;
    programs.nix-ld = {
      enable = lib.mkDefault true;
      libraries = cfg.ldLibraries;
    };
    nix.settings.experimental-features = [
      "nix-command"
      "flakes"
    ];
    documentation.enable = lib.mkDefault false;
    system.stateVersion = lib.mkDefault lib.trivial.release;
  };
}
