# Of directories of the host's home, some files as overlays at the same places of the guest's: settings
# and caches, and no tokens, histories or transcripts, which lie beside them. What is not there is left
# out, and so is a directory that is not.
#
#   files  a set: a directory below the home, and the names in it that the guest sees
files:
map (directory: {
  source = "~/${directory}";
  target = "~/${directory}";
  overlay = true;
  optional = true;
  only = files.${directory};
}) (builtins.attrNames files)
