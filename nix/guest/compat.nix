# What makes a NixOS familiar to agents, and to scripts that were written elsewhere.
{
  config,
  lib,
  pkgs,
  ...
}:
{
  options.nixbox = {
    compat.enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = "Whether the guest has /bin/bash, terminfo of common terminals, and high limits.";
    };
    comfort.enable = lib.mkOption {
      type = lib.types.bool;
      default = true;
      visible = false;
      description = "The earlier name of compat.enable: false there is false here.";
    };
  };

  config = lib.mkIf (config.nixbox.compat.enable && config.nixbox.comfort.enable) {
    # Scripts of other systems begin with these; NixOS has only /bin/sh and /usr/bin/env.
    systemd.tmpfiles.rules = [
      "L+ /bin/bash - - - - ${pkgs.bashInteractive}/bin/bash"
      "L+ /usr/bin/bash - - - - ${pkgs.bashInteractive}/bin/bash"
    ];
    # The terminal is the host's, and may be one that ncurses does not know by itself.
    environment.enableAllTerminfo = lib.mkDefault true;
    # Builds with many files meet a low limit first.
    security.pam.loginLimits = [
      {
        domain = "*";
        type = "-";
        item = "nofile";
        value = "524288";
      }
    ];
  };
}
