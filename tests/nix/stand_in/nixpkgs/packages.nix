# Packages that are tiny derivations, a standard environment as far as nixbox's own package needs one,
# and deno and esbuild, which are the lab's.
{
  lib,
  system,
  allowUnfree ? _: false,
}:
let
  inherit (import ./stdenv.nix { inherit lib system; }) mkDerivation runCommand program;
  package = name: runCommand name { } "mkdir -p $out/bin; echo ${name} >$out/bin/${name}";
  named = lib.genAttrs [
    "bash"
    "bzip2"
    "coreutils"
    "curl"
    "dnsmasq"
    "e2fsprogs"
    "fd"
    "file"
    "getent"
    "git"
    "gnumake"
    "gnupatch"
    "gnutar"
    "haproxy"
    "hello"
    "hostname"
    "iproute2"
    "jq"
    "less"
    "libxml2"
    "lsof"
    "nftables"
    "nixfmt-tree"
    "nodejs"
    "nodejs_22"
    "openssh"
    "openssl"
    "procps"
    "psmisc"
    "ripgrep"
    "rsync"
    "socat"
    "sshfs-fuse"
    "systemd"
    "tree"
    "unzip"
    "util-linux"
    "vim"
    "virtiofsd"
    "wget"
    "xz"
    "zip"
    "zlib"
    "zstd"
  ] package;

  # What nixpkgs says of a package whose licence is not free, unless it is told to allow that one.
  unfree =
    name:
    let
      made = package name // {
        pname = name;
      };
    in
    if allowUnfree made then
      made
    else
      made
      // {
        drvPath = throw "Package ‘${name}-1.0’ in /nix/store/nixpkgs/package.nix:1 has an unfree license (‘unfree’), refusing to evaluate.";
        outPath = throw "Package ‘${name}-1.0’ in /nix/store/nixpkgs/package.nix:1 has an unfree license (‘unfree’), refusing to evaluate.";
      };

  pkgs =
    named
    // {
      inherit lib runCommand;
      stdenv.cc.cc = package "cc";
      stdenv.hostPlatform = {
        inherit system;
        isLinux = lib.hasSuffix "-linux" system;
        isDarwin = lib.hasSuffix "-darwin" system;
      };
      stdenvNoCC = { inherit mkDerivation; };
      mkShell = { packages }: runCommand "shell" { inherit packages; } "echo $packages >$out";
      callPackage =
        path: more:
        let
          f = import path;
        in
        f (builtins.intersectAttrs (builtins.functionArgs f) (pkgs // { inherit pkgs; }) // more);

      bashInteractive = named.bash;
      claude-code = unfree "claude-code";
      python3Packages.numpy = package "numpy";
      python3Packages.pandas = package "pandas";
      broken = runCommand "broken" { } "echo this builder fails on purpose; exit 1";

      # One system's has the runtime of compiled programs, as newer versions of nixpkgs do.
      deno =
        program "deno" ./tools/deno.sh
        // lib.optionalAttrs (system == "aarch64-linux") { denort = package "denort"; };
      esbuild = program "esbuild" ./tools/esbuild.sh;
      makeWrapper = program "wrapProgram" ./tools/wrap-program.sh;
      installShellFiles = runCommand "install-shell-files" { } ''
        mkdir -p $out/bin
        cp ${./tools/install-man-page.sh} $out/bin/installManPage
        cp ${./tools/install-shell-completion.sh} $out/bin/installShellCompletion
        chmod +x $out/bin/*
      '';
    };
in
pkgs
