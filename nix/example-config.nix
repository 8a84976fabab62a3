# nixbox's config for this project. Everything is optional; what is commented out shows the default
# or an example. `nixbox config` prints what it comes to.
#
# Lists add to the defaults and to what plugins bring; of single values, the one here wins.
{
  # name = "my-project";                  # default: the directory's name

  # plugins = [ "claude-code" ./plugins/mine ];  # `nixbox plugins` lists them

  # resources = {
  #   vcpus = 4;                          # default: half of the host's
  #   memoryMB = 8192;                    # default: half of the host's, at least 4096
  #   diskGB = 20;
  # };

  # hypervisor = "auto";                  # or "cloud-hypervisor", "qemu", "vfkit"
  # rosetta = true;                       # macOS: programs for x86_64 run, too

  # mounts = [                            # .nixbox is hidden from the guest wherever it is shared
  #   { source = "."; target = "~/workspace"; }
  #   { source = "/usr/share/dict"; target = "/mnt/dict"; readonly = true; }
  #   { source = "~/.m2"; target = "~/.m2"; overlay = true; }  # changes stay in the guest
  #   { source = "~/.tool"; target = "~/.tool"; readonly = true; only = [ "settings.json" ]; }
  #   { source = "../lib"; target = "~/lib"; protect = [ ]; }  # default: git's hooks and config,
  #                                       # .envrc, .vscode, .claude and such cannot be changed
  # ];

  # network = {
  #   mode = "open";                      # or "filtered", "off"
  #   domains = [ "npmjs.org" ];          # filtered: these names and what is under them;
  #                                       # "*.x.org" is only what is under x.org
  #   ports = [ 80 443 ];                 # filtered: TCP ports that may be reached
  #   inspect = true;                     # filtered: look at the names in TLS and HTTP, too
  #   allowHost = [ 5432 ];               # ports of this host, as host.nixbox.internal
  #   allowPrivate = [ "10.1.0.0/16" ];   # private ranges: LAN, VPN
  #   dns = [ ];                          # resolvers instead of the host's own: [ "9.9.9.9" ]
  # };

  # nix = {
  #   packages = [ "nodejs" "python3" ];  # names in nixpkgs
  #   ldLibraries = [ "zlib" ];           # for programs that were not built by Nix
  #   modules = [ ];                      # NixOS modules: [ ./guest.nix ]
  # };

  # env = {                               # values stay out of the Nix store, logs and arguments
  #   EDITOR = "vim";
  #   API_TOKEN = { fromEnv = "API_TOKEN"; };               # read at `up`, past Nix
  #   NPM_TOKEN = { file = "~/.secrets/npm"; };
  #   DB_PASSWORD = { command = [ "pass" "show" "db" ]; };
  # };

  # scripts = [ ./setup.sh ];             # run in the guest after boot, as its user
  #                                       # { path = ./x.sh; optional = true; } may fail

  # hooks = {                             # run on this host by sh, in .nixbox
  #   pre-up = [ "echo starting $NIXBOX_NAME" ];
  #   post-up = [ ];
  #   pre-down = [ ];
  #   post-down = [ ];
  # };
}
