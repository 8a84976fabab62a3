# Stands in for microvm.nix: its module renders a runner in the real format from `microvm.*`, for the
# guest that the lab has at /lab/guest instead of a NixOS, with the packages of the config as words of
# the kernel's command line. The guest's disk takes the place of the store's share and of the volume.
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  outputs =
    { self, nixpkgs }:
    {
      nixosModules.microvm =
        { config, pkgs, ... }:
        let
          inherit (config) microvm nixbox;
          rootPort =
            {
              id,
              chassis,
            }:
            "-device 'pcie-root-port,id=${id},chassis=${toString chassis}'";
          tap =
            {
              type,
              id,
              mac,
            }:
            "-netdev '${type},id=${id},ifname=${id},script=no,downscript=no,queues=${toString microvm.vcpu}'"
            + " -device 'virtio-net-pci,netdev=${id},mac=${mac},romfile=,mq=on,vectors=${
              toString (2 * microvm.vcpu + 2)
            }'";
          disk = { image, ... }: "if [ ! -e '${image}' ]; then\n  touch '${image}'\nfi\n";
          mem = "${toString microvm.mem}M";
          each = f: list: builtins.concatStringsSep " " (map f list);
        in
        {
          # Of microvm.nix's own defaults, by the guest's processor.
          microvm.qemu.machine = nixpkgs.lib.mkDefault (
            if pkgs.stdenv.hostPlatform.system == "x86_64-linux" then "microvm" else "virt"
          );
          microvm.declaredRunner = pkgs.runCommand "microvm-runner" { } ''
            mkdir -p $out/bin $out/share/microvm
            ln -s ${config.system.build.toplevel} $out/share/microvm/system
            cat >$out/bin/microvm-run <<SCRIPT
            #!/usr/bin/env bash
            set -eou pipefail
            ${each disk microvm.volumes}

            runtime_args=
            exec -a "microvm@${config.networking.hostName}" /usr/bin/qemu-system-x86_64 -name ${config.networking.hostName} -M '${microvm.qemu.machine},accel=kvm:tcg' -m ${mem} -smp ${toString microvm.vcpu} -nodefaults -no-user-config -no-reboot -kernel /lab/guest/vmlinuz -initrd /lab/initrd -chardev 'stdio,id=stdio,signal=off' ${each rootPort microvm.qemu.pcieRootPorts} -serial chardev:stdio -enable-kvm -cpu 'host,+x2apic,-sgx' -append 'console=ttyS0 reboot=t panic=-1 quiet packages=${toString nixbox.packages}' -nographic -qmp 'unix:${microvm.socket},server,nowait' -drive 'id=vda,format=raw,file=/lab/guest/plain.ext4,if=none,aio=threads,read-only=on' -device 'virtio-blk-pci,drive=vda' -numa node,memdev=mem -object 'memory-backend-memfd,id=mem,size=${mem},share=on' ${each tap microvm.interfaces} \''${runtime_args:-}
            SCRIPT
            chmod +x $out/bin/microvm-run
          '';
        };
    };
}
