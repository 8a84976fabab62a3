# A loader and libraries for programs that were not built by Nix: what npm, pip or a vendor brings.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.nixbox.nixLd;
in
{
  options.nixbox.nixLd = {
    enable = mkOption {
      type = types.bool;
      default = true;
      description = "Whether programs that were not built by Nix find a loader in the guest.";
    };
    libraries = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Libraries for them, beside the common ones: `nix.ldLibraries` of the config.";
    };
  };

  config.programs.nix-ld = lib.mkIf cfg.enable {
    enable = true;
    # NixOS adds the common ones itself: lists concatenate.
    inherit (cfg) libraries;
  };
}
