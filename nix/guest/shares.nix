# What the guest needs for directories of the host: virtiofs and overlays come with the kernel; shares
# over ssh (`nixbox mount --via sshfs`, and every share that is added on macOS) need a program.
{
  config,
  lib,
  pkgs,
  ...
}:
{
  options.nixbox.sshfs.enable = lib.mkOption {
    type = lib.types.bool;
    default = true;
    description = "Whether shares over ssh can be mounted in the guest.";
  };

  config = lib.mkMerge [
    {
      # Loaded before the provisioning script asks for them.
      boot.kernelModules = [
        "overlay"
        "virtiofs"
      ];
    }
    # root mounts it, so no setuid helper is needed.
    (lib.mkIf config.nixbox.sshfs.enable {
      boot.kernelModules = [ "fuse" ];
      environment.systemPackages = [ pkgs.sshfs-fuse ];
    })
  ];
}
