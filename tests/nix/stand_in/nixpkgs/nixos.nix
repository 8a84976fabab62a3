# NixOS' evaluation of a configuration: what of it nixbox's flake asks for.
{ lib }:
{ modules }:
let
  # What NixOS itself declares, and nixbox's modules and microvm.nix read.
  defaults =
    { pkgs, ... }:
    {
      services.openssh.package = lib.mkDefault pkgs.openssh;
      system.build.toplevel = toplevel;
    };
  config = lib.evalModules {
    modules = modules ++ [ defaults ];
    args = {
      inherit lib;
      pkgs = import ./packages.nix {
        inherit lib;
        system = config.nixpkgs.hostPlatform;
        allowUnfree = config.nixpkgs.config.allowUnfreePredicate or (_: false);
      };
    };
  };
  # Everything that the configuration sets, so that all of it is evaluated; and, as NixOS', its release.
  toplevel = derivation {
    name = "nixos-system-${config.networking.hostName}";
    system = config.nixpkgs.hostPlatform;
    builder = "/bin/sh";
    args = [
      "-c"
      ''
        /bin/mkdir -p $out/etc
        echo $settings >$out/settings
        echo $stateVersion >$out/state-version
        echo "VERSION_ID=\"$release\"" >$out/etc/os-release
      ''
    ];
    inherit (lib.trivial) release;
    inherit (config.system) stateVersion;
    settings = builtins.toJSON (
      removeAttrs config [
        "microvm"
        "nixpkgs"
        "system"
      ]
    );
  };
in
{
  inherit config;
}
