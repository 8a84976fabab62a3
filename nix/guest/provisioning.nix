# Applies the provisioning disk before sshd starts. The script says what the disk carries.
{ pkgs, ... }:
{
  systemd.services.nixbox-provision = {
    description = "Apply nixbox's provisioning disk";
    wantedBy = [ "multi-user.target" ];
    before = [
      "sshd.service"
      "docker.service"
      "nix-daemon.service"
    ];
    requiredBy = [ "sshd.service" ];
    after = [ "local-fs.target" ];
    path = with pkgs; [
      coreutils
      getent
      hostname
      systemd
      util-linux
    ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "${pkgs.bash}/bin/bash ${./provision.sh}";
      # A guest that could not mount a share still lets the host in, to be told why.
      SuccessExitStatus = "1";
      StandardOutput = "journal+console";
    };
  };

  # For login and interactive shells; `nixbox run` reads it itself.
  environment.extraInit = ''
    if [ -r /run/nixbox/env.sh ]; then . /run/nixbox/env.sh; fi
  '';
  programs.bash.interactiveShellInit = ''
    if [ -r /run/nixbox/env.sh ]; then . /run/nixbox/env.sh; fi
  '';
}
