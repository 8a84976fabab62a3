# What the machine is called, which release it is, and Nix inside of it.
{ config, lib, ... }:
{
  options.nixbox = {
    hostName = lib.mkOption {
      type = lib.types.strMatching "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
      default = "nixbox";
      description = "Host name until the provisioning disk gives the project's.";
    };
    stateVersion = lib.mkOption {
      type = lib.types.strMatching "[0-9]{2}\\.[0-9]{2}";
      default = lib.trivial.release;
      description = "The release of NixOS that the machine's disk was made with.";
    };
  };

  config = {
    networking.hostName = lib.mkDefault config.nixbox.hostName;
    # What services have laid on the disk is in the form of the release that it was made with.
    system.stateVersion = lib.mkDefault config.nixbox.stateVersion;
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
