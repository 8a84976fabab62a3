# Of directories of the host's home, some files as overlays at the same places of the guest's: settings
# and caches, and no tokens, histories or transcripts, which lie beside them. What is not there is left
# out, and so is a directory that is not.
#
#   home   the host's home, as a string
#   files  a set: a directory below it, and the names in it that the guest sees
home: files:
map
  (directory: {
    source = "~/${directory}";
    target = "~/${directory}";
    overlay = true;
    only = files.${directory};
  })
  (
    builtins.filter (directory: builtins.pathExists "${home}/${directory}") (builtins.attrNames files)
  )
