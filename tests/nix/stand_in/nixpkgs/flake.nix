# Stands in for nixpkgs where that cannot be had: the few functions of its lib that nixbox's flake
# uses, a small module system, and packages that are tiny derivations.
{
  outputs =
    { self }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
      modules = import ./modules.nix;
      lib = {
        inherit (modules)
          mkDefault
          mkForce
          mkIf
          mkMerge
          mkOption
          types
          ;
        genAttrs = names: f: builtins.listToAttrs (map (name: lib.nameValuePair name (f name)) names);
        nameValuePair = name: value: { inherit name value; };
        mapAttrs' =
          f: set: builtins.listToAttrs (map (name: f name set.${name}) (builtins.attrNames set));
        importJSON = path: builtins.fromJSON (builtins.readFile path);
        hasSuffix = suffix: text: builtins.match ".*${suffix}" text != null;
        range = from: to: builtins.genList (n: from + n) (to - from + 1);
        # Of one separator only.
        splitString = _: text: builtins.filter builtins.isString (builtins.split "\\." text);
        attrByPath =
          path: default: set:
          if path == [ ] then
            set
          else if set ? ${builtins.head path} then
            lib.attrByPath (builtins.tail path) default set.${builtins.head path}
          else
            default;
        trivial.release = "26.05";
        nixosSystem =
          { system, modules }:
          {
            config = (import ./modules.nix).evalModules {
              inherit modules;
              args = {
                inherit lib;
                pkgs = packagesFor system;
              };
            };
          };
      };
      packagesFor =
        system:
        let
          run =
            name: env: script:
            derivation (
              env
              // {
                inherit name system;
                builder = "/bin/sh";
                args = [
                  "-c"
                  "export PATH=/usr/bin:/bin; ${script}"
                ];
              }
            );
          package = name: run name { } "mkdir -p $out/bin; echo ${name} >$out/bin/${name}";
        in
        lib.genAttrs [
          "bash"
          "coreutils"
          "curl"
          "getent"
          "git"
          "gnutar"
          "hello"
          "hostname"
          "jq"
          "ripgrep"
          "sshfs"
          "util-linux"
          "vim"
          "zlib"
        ] package
        // {
          runCommand = run;
          python3Packages.numpy = package "numpy";
          broken = run "broken" { } "echo this builder fails on purpose; exit 1";
        };
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs systems packagesFor;
    };
}
