# nixbox's config for this project. Everything is optional; what is commented out shows the default
# or an example. `nixbox config` prints what it comes to.
{
  # name = "my-project";                  # default: the directory's name

  # plugins = [ "github" ./my-plugin.nix ];

  # resources = {
  #   vcpus = 4;                          # default: half of the host's
  #   memoryMB = 8192;                    # default: half of the host's
  #   diskGB = 20;
  # };

  # hypervisor = "auto";                  # or "cloud-hypervisor", "qemu", "vfkit"

  # The guest sees .nixbox empty wherever it is shared.
  # mounts = [
  #   { source = "."; target = "~/workspace"; }
  #   { source = "/usr/share/dict"; target = "/mnt/dict"; readonly = true; }
  # ];

  # network = {
  #   mode = "open";                      # or "filtered", "off"
  #   domains = [ "npmjs.org" ];          # filtered: these names and what is under them
  #   ports = [ 80 443 ];
  # };

  # nix = {
  #   packages = [ "nodejs" "python3" ];  # names in nixpkgs
  #   ldLibraries = [ "zlib" ];           # for programs that were not built by Nix
  #   modules = [ ];                      # NixOS modules: [ ./guest.nix ]
  # };

  # Secrets may stand here: values never reach the Nix store, a log or another program's arguments.
  # env = {
  #   EDITOR = "vim";
  #   API_TOKEN = builtins.getEnv "API_TOKEN";
  # };

  # Run in the guest after boot, as its user.
  # scripts = [ ];                        # [ ./setup.sh { path = ./extras.sh; optional = true; } ]

  # Run on this host by sh.
  # hooks = {
  #   pre-up = [ "echo starting $NIXBOX_NAME" ];
  #   post-up = [ ];
  #   pre-down = [ ];
  #   post-down = [ ];
  # };
}
