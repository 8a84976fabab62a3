# The NixOS configuration of one project's machine, for a host of one system.
#
#   project           what of the config decides the build: example-project.json shows it
#   projectDirectory  where the project's modules are, and state-version, the release that the machine's
#                     disk was made with; without it, that of nixpkgs counts
#   hostSystem        "x86_64-linux", "aarch64-linux" or "aarch64-darwin"
{
  nixpkgs,
  microvm,
  project,
  projectDirectory,
  hostSystem,
}:
let
  inherit (nixpkgs) lib;
  guestSystem = builtins.replaceStrings [ "-darwin" ] [ "-linux" ] hostSystem;
  isDarwin = lib.hasSuffix "-darwin" hostSystem;

  stateVersionFile = projectDirectory + "/state-version";
  fromDisk = lib.optionalAttrs (builtins.pathExists stateVersionFile) {
    nixbox.stateVersion = builtins.readFile stateVersionFile;
  };

  fromProject =
    { pkgs, ... }:
    let
      packagesFor = key: map (import ./package-by-name.nix { inherit lib pkgs; } key);
    in
    {
      nixbox = {
        hostName = project.name;
        inherit (project)
          user
          hypervisor
          diskGB
          rosetta
          ;
        packages = packagesFor "nix.packages" project.packages;
        nixLd.libraries = packagesFor "nix.ldLibraries" project.ldLibraries;
      };
    };

  # vfkit runs on the Mac, and macOS' file system may not tell apart names that differ in case only.
  onDarwin = {
    microvm.vmHostPackages = nixpkgs.legacyPackages.${hostSystem};
    microvm.storeOnDisk = true;
    # They would put all of nixpkgs' source on that disk.
    nixpkgs.flake = {
      setFlakeRegistry = lib.mkDefault false;
      setNixPath = lib.mkDefault false;
    };
  };
in
lib.nixosSystem {
  modules = [
    microvm.nixosModules.microvm
    ./guest
    fromProject
    fromDisk
    { nixpkgs.hostPlatform = guestSystem; }
  ]
  ++ lib.optional isDarwin onDarwin
  ++ map (file: projectDirectory + "/${file}") project.modules;
}
