# The command line: the bundle of packaging/bundle.ts behind a launcher, with the programs that it
# runs on its PATH, completions and a manual page. It is built without a network: npm's packages are
# fetched before, by hash.
{
  lib,
  pkgs,
  stdenvNoCC,
  deno,
  esbuild,
  installShellFiles,
  makeWrapper,
}:
let
  settings = lib.importJSON ../deno.json;
  npmPackages = pkgs.callPackage ./npm-packages.nix { };
  runtimeTools = import ./runtime-tools.nix { inherit pkgs; };
in
stdenvNoCC.mkDerivation {
  pname = "nixbox";
  inherit (settings) version;

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../cmd
      ../deno.json
      ../flake.lock
      ../flake.nix
      ../lib
      ../main.ts
      ../mod.ts
      ../nix
      ../packaging
    ];
  };

  nativeBuildInputs = [
    deno
    esbuild
    installShellFiles
    makeWrapper
  ];

  buildPhase = ''
    runHook preBuild
    export HOME=$TMPDIR DENO_DIR=$TMPDIR/deno DENO_NO_UPDATE_CHECK=1
    cp -R ${npmPackages} node_modules
    deno run --no-config --no-prompt --cached-only --allow-all \
      packaging/bundle.ts --esbuild esbuild bundle
    runHook postBuild
  '';

  installPhase = ''
    runHook preInstall
    mkdir -p "$out"
    cp -R bundle/bin bundle/lib "$out"
    mkdir "$out/share"
    cp -R bundle/share/nixbox "$out/share"
    installManPage bundle/share/man/man1/nixbox.1
    installShellCompletion --cmd nixbox \
      --bash bundle/share/completions/nixbox.bash \
      --zsh bundle/share/completions/_nixbox \
      --fish bundle/share/completions/nixbox.fish
    wrapProgram "$out/bin/nixbox" \
      --set-default NIXBOX_DENO ${lib.getExe deno} \
      --prefix PATH : ${lib.makeBinPath runtimeTools}
    runHook postInstall
  '';

  doInstallCheck = true;
  installCheckPhase = ''
    runHook preInstallCheck
    export HOME=$TMPDIR
    [ "$("$out/bin/nixbox" --version)" = "nixbox ${settings.version}" ]
    "$out/bin/nixbox" --help >/dev/null
    runHook postInstallCheck
  '';

  meta = {
    description = "Runs untrusted code, above all AI agents, in a disposable NixOS microVM";
    license = lib.licenses.mit;
    mainProgram = "nixbox";
    platforms = [
      "x86_64-linux"
      "aarch64-linux"
      "aarch64-darwin"
    ];
  };
}
