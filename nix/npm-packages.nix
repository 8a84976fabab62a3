# The packages of npm that the program is made of, as a directory like node_modules: fetched by deno,
# which knows where from, and which checks each by deno.lock. The hash is of what comes out, so it
# changes with deno.lock only; tests/nix/package_test.ts tells the new one.
{
  lib,
  stdenvNoCC,
  deno,
}:
stdenvNoCC.mkDerivation {
  name = "nixbox-npm-packages";

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../deno.json
      ../deno.lock
    ];
  };

  nativeBuildInputs = [ deno ];
  impureEnvVars = lib.fetchers.proxyImpureEnvVars;

  buildPhase = ''
    runHook preBuild
    export HOME=$TMPDIR DENO_DIR=$TMPDIR/deno DENO_NO_UPDATE_CHECK=1
    deno install --quiet --frozen --node-modules-dir=auto
    runHook postBuild
  '';

  # Links into deno's own layout become copies; what only tests need stays behind.
  installPhase = ''
    runHook preInstall
    mkdir "$out"
    for package in node_modules/*; do
      [ "''${package##*/}" = fast-check ] || cp -RL "$package" "$out/"
    done
    runHook postInstall
  '';

  # Not a byte is changed, or the hash would not be that of the packages alone.
  dontFixup = true;
  outputHashMode = "recursive";
  outputHash = "sha256-TVLx2PVOuQNr8FAgqRf4Nq/B0XFYqWbEjwf32OJAajE=";
}
