# The one user: uid 1000 and group users (gid 100), which virtiofsd maps to the host's user.
{ config, lib, ... }:
{
  options.nixbox.user = lib.mkOption {
    type = lib.types.strMatching "[a-z_][a-z0-9_-]*";
    default = "nixbox";
    description = "Login name of the guest's user.";
  };

  config = {
    users.mutableUsers = false;
    # The key comes with the provisioning disk, which NixOS's check against lock-out cannot know.
    users.allowNoPasswordLogin = true;
    users.users.${config.nixbox.user} = {
      isNormalUser = true;
      uid = 1000;
      group = "users";
      extraGroups = [ "wheel" ];
      # No password opens it; sshd takes the project's key.
      hashedPassword = "*";
    };
    # Root in the guest is not what keeps the host safe, so there is no point in asking.
    security.sudo.wheelNeedsPassword = false;
  };
}
