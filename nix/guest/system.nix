# What the machine is called, which release it is, and Nix inside of it.
{ config, lib, ... }:
{
  options.nixbox.hostName = lib.mkOption {
    type = lib.types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
    default = "nixbox";
    description = "Host name until the provisioning disk gives the project's.";
  };

  config = {
    networking.hostName = lib.mkDefault config.nixbox.hostName;
    # A machine keeps nothing between releases that would have to be migrated.
    system.stateVersion = lib.mkDefault lib.trivial.release;
    nix.settings = {
      experimental-features = [
        "nix-command"
        "flakes"
      ];
      # The user may become root anyway; so Nix may take caches and options from it.
      trusted-users = [ "@wheel" ];
    };
    # Programs find flakes by the registry; channels would be a second way, and are fetched.
    nix.channel.enable = lib.mkDefault false;
    documentation.enable = lib.mkDefault false;
  };
}
