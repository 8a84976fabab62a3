# microvm.nix's runner, with what nixbox must know of the guest beside it.
{ pkgs, machine }:
let
  runner = machine.config.microvm.declaredRunner;
  guest = builtins.toJSON {
    inherit (machine.config.nixbox) user;
    home = "/home/${machine.config.nixbox.user}";
    inherit (machine.config.system) stateVersion;
  };
in
pkgs.runCommand "vm-runner" { inherit guest; } ''
  mkdir -p "$out/share/nixbox"
  for entry in ${runner}/*; do
    [ "''${entry##*/}" = share ] || ln -s "$entry" "$out/"
  done
  [ ! -d ${runner}/share ] || ln -s ${runner}/share/* "$out/share/"
  printf '%s' "$guest" >"$out/share/nixbox/guest.json"
''
