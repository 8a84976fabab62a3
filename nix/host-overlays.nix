# Directories of the host's home as overlays at the same places of the guest's, those that are there.
directories:
map (directory: {
  source = "~/${directory}";
  target = "~/${directory}";
  overlay = true;
  optional = true;
}) directories
