# /nix/store in the guest: the host's, and over it its own layer on the machine's disk, which stays
# from boot to boot as long as the system is the same.
{
  microvm.writableStoreOverlay = "/nix/.rw-store";

  # In stage 1, where the store is mounted.
  boot.initrd.systemd.services.nixbox-store-overlay = {
    description = "Fit the upper layer of the Nix store to this system";
    wantedBy = [ "sysroot-nix-store.mount" ];
    before = [
      "rw-sysroot-nix-store.service"
      "sysroot-nix-store.mount"
    ];
    unitConfig = {
      DefaultDependencies = false;
      RequiresMountsFor = "/sysroot";
    };
    serviceConfig.Type = "oneshot";
    script = ''
      root=/sysroot
      cmdline=/proc/cmdline
      ${builtins.readFile ./store-overlay.sh}
    '';
  };
}
