# Stands in for nixpkgs where that cannot be had: the few functions of its lib that nixbox's flake
# uses, and packages that are tiny derivations. nixosSystem evaluates no modules but those that are
# written in place; what they set under `nixbox` and `microvm` is merged.
{
  outputs =
    { self }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "aarch64-darwin"
      ];
      lib = rec {
        genAttrs = names: f: builtins.listToAttrs (map (name: nameValuePair name (f name)) names);
        nameValuePair = name: value: { inherit name value; };
        mapAttrs' =
          f: set: builtins.listToAttrs (map (name: f name set.${name}) (builtins.attrNames set));
        importJSON = path: builtins.fromJSON (builtins.readFile path);
        hasSuffix =
          suffix: text: builtins.match ".*${suffix}" text != null;
        splitString = separator: text: builtins.filter builtins.isString (builtins.split "\\." text);
        attrByPath =
          path: default: set:
          if path == [ ] then
            set
          else if set ? ${builtins.head path} then
            attrByPath (builtins.tail path) default set.${builtins.head path}
          else
            default;
        mkIf = condition: value: if condition then value else { };
        recursiveUpdate =
          left: right:
          left
          // builtins.mapAttrs (
            name: value:
            if builtins.isAttrs value && builtins.isAttrs (left.${name} or null) then
              recursiveUpdate left.${name} value
            else
              value
          ) right;
        nixosSystem =
          { system, modules }:
          let
            pkgs = packagesFor system;
            called = map (
              module:
              if builtins.isFunction module then
                module { inherit pkgs lib config; }
              else if builtins.isAttrs module then
                module
              else
                { }
            ) modules;
            base = builtins.foldl' recursiveUpdate { } called;
            config = base // {
              microvm = (base.microvm or { }) // {
                declaredRunner = base.standIn.makeRunner { inherit pkgs; nixbox = base.nixbox; };
              };
            };
          in
          {
            inherit config;
          };
      };
      packagesFor = system: rec {
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
        runCommand = run;
        hello = run "hello" { } "mkdir -p $out/bin; echo hello >$out/bin/hello";
        broken = run "broken" { } "echo this builder fails on purpose; exit 1";
      };
    in
    {
      lib = lib;
      legacyPackages = lib.genAttrs systems packagesFor;
    };
}
