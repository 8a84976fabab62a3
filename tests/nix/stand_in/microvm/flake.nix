# Stands in for microvm.nix: its module renders a runner in the real format, for the guest that the
# lab has at /lab/guest, with the packages of the config as words of the kernel's command line.
{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  outputs =
    { self, nixpkgs }:
    {
      nixosModules.microvm = {
        standIn.makeRunner =
          { pkgs, nixbox }:
          pkgs.runCommand "microvm-runner"
            {
              packages = map toString nixbox.packages;
              hostName = nixbox.hostName;
            }
            ''
              mkdir -p $out/bin $out/share/microvm
              initrd=$(ls /lab/guest/initrd* 2>/dev/null | head -1)
              cat >$out/bin/microvm-run <<SCRIPT
              #!/usr/bin/env bash
              set -eou pipefail

              runtime_args=
              exec -a "microvm@$hostName" /usr/bin/qemu-system-x86_64 -name $hostName -M 'q35,accel=kvm:tcg' -m 65536M -smp 256 -nodefaults -no-user-config -no-reboot -kernel /lab/guest/vmlinuz -initrd ''${initrd:-/lab/guest/initrd} -chardev 'stdio,id=stdio,signal=off' -serial chardev:stdio -enable-kvm -cpu 'host,+x2apic,-sgx' -append 'console=ttyS0 reboot=t panic=-1 quiet packages=$packages' -nographic -qmp 'unix:nixbox.sock,server,nowait' -drive 'id=vda,format=raw,file=/lab/guest/root.ext4,if=none,aio=threads,read-only=on' -device 'virtio-blk-pci,drive=vda' -numa node,memdev=mem -object 'memory-backend-memfd,id=mem,size=65536M,share=on' \''${runtime_args:-}
              SCRIPT
              chmod +x $out/bin/microvm-run
            '';
      };
    };
}
