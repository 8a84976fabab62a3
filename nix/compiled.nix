# nixbox as one executable file, by `deno compile`. Only where nixpkgs keeps denort, the runtime of
# compiled programs, beside deno: Deno's own download is out of reach of a build.
{
  lib,
  pkgs,
  stdenvNoCC,
  deno,
  makeWrapper,
  nixbox,
}:
let
  # What packs the program, with the part of the library that it uses.
  source = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../lib
      ../packaging
    ];
  };
in
stdenvNoCC.mkDerivation {
  pname = "nixbox-compiled";
  inherit (nixbox) version;
  dontUnpack = true;

  nativeBuildInputs = [
    deno
    makeWrapper
  ];

  env.DENORT_BIN = "${deno.denort}/bin/denort";

  buildPhase = ''
    runHook preBuild
    export HOME=$TMPDIR DENO_DIR=$TMPDIR/deno DENO_NO_UPDATE_CHECK=1
    deno run --no-config --no-prompt --cached-only --allow-all \
      ${source}/packaging/compile_bundle.ts ${nixbox} nixbox
    runHook postBuild
  '';

  installPhase = ''
    runHook preInstall
    install -D -m 755 nixbox "$out/bin/nixbox"
    wrapProgram "$out/bin/nixbox" \
      --prefix PATH : ${lib.makeBinPath (import ./runtime-tools.nix { inherit pkgs; })}
    runHook postInstall
  '';

  # The program lies behind the runtime in the same file: neither may be touched.
  dontStrip = true;
  dontPatchELF = true;

  meta = nixbox.meta // {
    description = "nixbox as one executable file";
  };
}
