# Programs in the guest: what agents and people reach for first, and what the config asks for.
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
    packages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "Packages in the guest, beside the basic ones: `nix.packages` of the config.";
    };
    basePackages = mkOption {
      type = types.listOf types.package;
      default = with pkgs; [
        curl
        fd
        file
        git
        gnumake
        gnupatch
        gnutar
        jq
        less
        lsof
        procps
        psmisc
        ripgrep
        rsync
        tree
        unzip
        vim
        wget
        xz
        zip
      ];
      defaultText = "curl, git, ripgrep, rsync and the like";
      description = "Packages that every guest has; set it with `lib.mkForce` for a smaller one.";
    };
  };

  config = {
    environment.systemPackages = cfg.basePackages ++ cfg.packages;
    # What NixOS adds by itself (perl, rsync, strace) is named above where it is wanted.
    environment.defaultPackages = lib.mkDefault [ ];
  };
}
