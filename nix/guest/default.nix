# nixbox's guest: what a project's machine is made of. Each file is one theme, with options of its
# own under `nixbox.*`, so that a project's nix.modules can change them. It needs microvm.nix's module
# beside it.
{
  imports = [
    ./boot.nix
    ./compat.nix
    ./docker.nix
    ./hypervisor.nix
    ./network.nix
    ./nix-ld.nix
    ./packages.nix
    ./provisioning.nix
    ./proxy.nix
    ./shares.nix
    ./ssh.nix
    ./store.nix
    ./system.nix
    ./user.nix
  ];
}
