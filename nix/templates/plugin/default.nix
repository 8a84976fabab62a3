# my-plugin: what it brings, in one line; `nixbox plugins` shows this.
#
# A plugin is part of a config, or a function of what is known of the host. It may not set env.
{ home, ... }:
{
  nix.packages = [ "hello" ]; # names in nixpkgs

  network.domains = [ ]; # what it needs in mode filtered

  # A directory of the host, if it is there: what the guest changes stays in the guest.
  mounts =
    if builtins.pathExists "${home}/.config/my-plugin" then
      [
        {
          source = "~/.config/my-plugin";
          target = "~/.config/my-plugin";
          overlay = true;
        }
      ]
    else
      [ ];

  scripts = [ ./scripts/setup.sh ]; # run in the guest after boot
}
