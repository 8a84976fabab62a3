# Finds a package of nixpkgs by the name that a config gives: "nodejs", "python3Packages.numpy". What
# is none is an error that says what was meant, perhaps.
#
#   key   the config's key, for the message
#   name  names in nixpkgs with dots between them
{ lib, pkgs }:
key: name:
let
  # The way as far as it goes: the set where a name is missing, and what is left of the names.
  follow =
    set: names:
    if names != [ ] && lib.isAttrs set && !lib.isDerivation set && set ? ${lib.head names} then
      follow set.${lib.head names} (lib.tail names)
    else
      { inherit set names; };
  end = follow pkgs (lib.splitString "." name);
  missing = lib.head end.names;
  way = lib.removeSuffix (lib.concatStringsSep "." end.names) name;

  near =
    let
      names = lib.attrNames end.set;
      atMost = distance: lib.filter (lib.strings.levenshteinAtMost distance missing) names;
      alike = if atMost 1 != [ ] then atMost 1 else atMost 2;
      longer = lib.filter (lib.hasPrefix missing) names;
      shortFirst = lib.sort (a: b: lib.stringLength a < lib.stringLength b);
    in
    lib.take 5 (lib.unique (alike ++ shortFirst longer));
  suggestion =
    if !lib.isAttrs end.set || lib.isDerivation end.set || near == [ ] then
      "search.nixos.org/packages finds names"
    else
      "did you mean ${lib.concatMapStringsSep ", " (one: "\"${way}${one}\"") near}?";

  refuse = problem: throw "nixbox: ${key}: ${problem}";
in
if end.names != [ ] then
  refuse "nixpkgs has no package \"${name}\"; ${suggestion}"
else if lib.isDerivation end.set then
  end.set
else if lib.isAttrs end.set then
  refuse "\"${name}\" is a set of packages; name one of them: \"${name}.NAME\""
else
  refuse "\"${name}\" is not a package of nixpkgs; ${suggestion}"
