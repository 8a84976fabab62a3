# The one user: uid 1000 and group users (gid 100), which virtiofsd maps to the host's user.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.nixbox;
in
{
  options.nixbox = {
    user = mkOption {
      type = types.strMatching "[a-z_][a-z0-9_-]*";
      default = "nixbox";
      description = "Login name of the guest's user.";
    };
    sudo = mkOption {
      type = types.bool;
      default = true;
      description = "Whether the user may become root in the guest; no password is asked for.";
    };
  };

  config = {
    users.mutableUsers = false;
    # The key comes with the provisioning disk, which NixOS's check against lock-out cannot know.
    users.allowNoPasswordLogin = true;
    users.users.${cfg.user} = {
      isNormalUser = true;
      uid = 1000;
      group = "users";
      extraGroups = lib.mkIf cfg.sudo [ "wheel" ];
      # No password opens it; sshd takes the project's key.
      hashedPassword = "*";
    };
    # Root in the guest is not what keeps the host safe, so there is no point in asking.
    security.sudo = lib.mkIf cfg.sudo { wheelNeedsPassword = false; };
  };
}
