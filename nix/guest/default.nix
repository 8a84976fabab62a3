# nixbox's guest: what a project's machine is made of. Each file is one theme, with options of its
# own under `nixbox.*`, so that a project's nix.modules can change them.
{
  imports = [
    ./base.nix
    ./hypervisor.nix
    ./network.nix
    ./provisioning.nix
    ./ssh.nix
    ./user.nix
  ];
}
