# Directories of the host's home as overlays at the same places of the guest's, those that are there.
#
#   home         the host's home, as a string
#   directories  names below it
home: directories:
map
  (directory: {
    source = "~/${directory}";
    target = "~/${directory}";
    overlay = true;
  })
  (builtins.filter (directory: builtins.pathExists "${home}/${directory}") directories)
