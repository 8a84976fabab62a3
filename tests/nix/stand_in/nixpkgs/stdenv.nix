# Derivations by phases, and by one script. Builders are the lab's own programs: it has no others.
{ lib, system }:
let
  path = "/usr/local/bin:/usr/bin:/bin";
in
rec {
  runCommand =
    name: env: script:
    derivation (
      env
      // {
        inherit name system;
        builder = "/bin/sh";
        args = [
          "-c"
          "export PATH=${path}; ${script}"
        ];
      }
    );

  # A package of one script.
  program =
    name: script:
    runCommand name { } "mkdir -p $out/bin; cp ${script} $out/bin/${name}; chmod +x $out/bin/${name}"
    // {
      meta.mainProgram = name;
    };

  mkDerivation =
    attrs:
    derivation (
      removeAttrs attrs [
        "env"
        "meta"
      ]
      // attrs.env or { }
      // {
        inherit system;
        name = attrs.name or "${attrs.pname}-${attrs.version}";
        builder = "/bin/bash";
        args = [ ./tools/phases.sh ];
        initialPath = path;
      }
    )
    // {
      meta = attrs.meta or { };
    }
    // lib.optionalAttrs (attrs ? version) { inherit (attrs) version; };
}
