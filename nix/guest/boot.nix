# A machine boots often and lives for an hour: what it does not need is not started. docs/nix.md says
# what each line saves and costs; all of them are defaults, which a module of the project may change.
{ config, lib, ... }:
let
  inherit (lib) mkDefault;
in
{
  options.nixbox.fastBoot.enable = lib.mkOption {
    type = lib.types.bool;
    default = true;
    description = "Whether services and kernel modules that a sandbox hardly needs are left out.";
  };

  config = lib.mkIf config.nixbox.fastBoot.enable {
    boot = {
      # The stage 1 that NixOS is going to; stronger than a default, since microvm.nix has one, too.
      initrd.systemd.enable = lib.mkOverride 900 true;
      # Disks are virtio, whose modules microvm.nix names; no SATA, NVMe or USB is there.
      initrd.includeDefaultModules = mkDefault false;
      bcache.enable = mkDefault false;
      # Messages go to a serial line, which is slow; the journal has them all.
      consoleLogLevel = mkDefault 3;
      kernelParams = [ "quiet" ];
    };

    systemd = {
      oomd.enable = mkDefault false;
      network.wait-online.enable = mkDefault false;
      # A stop is bounded by the host, so nothing may take its time.
      settings.Manager.DefaultTimeoutStopSec = mkDefault "5s";
    };

    services = {
      lvm.enable = mkDefault false;
      logrotate.enable = mkDefault false;
      # The host gives the clock, and NTP gets through in no mode but open.
      timesyncd.enable = mkDefault false;
      journald.storage = mkDefault "volatile";
    };

    # No keymaps and fonts: nobody sits at a screen.
    console.enable = mkDefault false;
    fonts.fontconfig.enable = mkDefault false;
    xdg = {
      autostart.enable = mkDefault false;
      icons.enable = mkDefault false;
      mime.enable = mkDefault false;
      sounds.enable = mkDefault false;
    };
  };
}
