# The machine that microvm.nix describes. Its sizes are headroom: nixbox patches vCPUs, memory, tap,
# disks and shares of each run into the runner, so that a change of them needs no build.
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
    hypervisor = mkOption {
      type = types.enum [
        "cloud-hypervisor"
        "qemu"
        "vfkit"
      ];
      default = "qemu";
      description = "The hypervisor that the runner is for.";
    };
    diskGB = mkOption {
      type = types.ints.positive;
      default = 20;
      description = "Size of the machine's own disk, in GiB; it grows as it is used.";
    };
    rosetta = mkOption {
      type = types.bool;
      default = false;
      description = "Whether Apple's Rosetta, which vfkit brings, runs programs for x86_64.";
    };
  };

  config.virtualisation.rosetta = lib.mkIf cfg.rosetta {
    enable = true;
    mountTag = "rosetta";
  };

  config.microvm = lib.mkMerge [
    {
      inherit (cfg) hypervisor;
      socket = "nixbox.sock";
      volumes = [
        {
          image = "root.img";
          mountPoint = "/";
          size = cfg.diskGB * 1024;
        }
      ];
    }
    (lib.mkIf (cfg.hypervisor != "vfkit") {
      vcpu = 256;
      mem = 65536;
      interfaces = [
        {
          type = "tap";
          id = "vmtap0";
          mac = "02:00:00:00:00:01";
        }
      ];
      shares = [
        {
          proto = "virtiofs";
          tag = "ro-store";
          source = "/nix/store";
          mountPoint = "/nix/.ro-store";
        }
      ];
    })
    (lib.mkIf (cfg.hypervisor == "cloud-hypervisor") { balloon = true; })
    (lib.mkIf (cfg.hypervisor == "qemu") {
      qemu = {
        # The machine with PCIe: q35 on x86_64, microvm.nix's own choice ("virt") elsewhere.
        machine = lib.mkIf (pkgs.stdenv.hostPlatform.system == "x86_64-linux") "q35";
        # Devices come and go on root ports only; the machine's own bus takes none while it runs.
        pcieRootPorts = map (n: {
          id = "hotplug${toString n}";
          chassis = n + 1;
        }) (lib.range 0 15);
      };
    })
    (lib.mkIf (cfg.hypervisor == "vfkit") {
      vcpu = 4;
      mem = 4096;
    })
  ];
}
