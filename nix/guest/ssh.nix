# sshd with the keys that the provisioning disk brings: known to the host in advance, in no store.
{ lib, ... }:
{
  services.openssh = {
    enable = true;
    hostKeys = lib.mkForce [ ];
    authorizedKeysFiles = lib.mkForce [ "/run/nixbox/authorized_keys" ];
    extraConfig = ''
      HostKey /run/nixbox/ssh_host_ed25519_key
      # All commands share one connection.
      MaxSessions 100
    '';
    settings = {
      PermitRootLogin = "no";
      PasswordAuthentication = false;
      KbdInteractiveAuthentication = false;
      UseDns = false;
    };
  };
}
