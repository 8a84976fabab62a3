# What nixbox's flake uses of nixpkgs' lib, with the same names and meanings.
let
  modules = import ./modules.nix;
  inherit (builtins)
    elem
    elemAt
    filter
    genList
    length
    stringLength
    substring
    ;
in
rec {
  inherit (builtins)
    attrNames
    concatStringsSep
    filter
    head
    isAttrs
    sort
    stringLength
    tail
    ;
  inherit (modules)
    evalModules
    mkDefault
    mkForce
    mkIf
    mkMerge
    mkOption
    mkOverride
    types
    ;

  genAttrs = names: f: builtins.listToAttrs (map (name: nameValuePair name (f name)) names);
  nameValuePair = name: value: { inherit name value; };
  mapAttrs' =
    f: set: builtins.listToAttrs (map (name: f name set.${name}) (builtins.attrNames set));
  optionalAttrs = condition: set: if condition then set else { };
  isDerivation = value: value.type or null == "derivation";
  getName = package: package.pname or package.name;
  getExe = package: "${package}/bin/${package.meta.mainProgram or (getName package)}";
  makeBinPath = packages: concatStringsSep ":" (map (package: "${package}/bin") packages);

  importJSON = path: builtins.fromJSON (builtins.readFile path);

  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  hasSuffix =
    suffix: text:
    let
      cut = stringLength suffix;
    in
    stringLength text >= cut && substring (stringLength text - cut) cut text == suffix;
  removeSuffix =
    suffix: text:
    if hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
  # Of one separator only.
  splitString = _: text: filter builtins.isString (builtins.split "\\." text);
  concatMapStringsSep =
    separator: f: list:
    concatStringsSep separator (map f list);

  optional = condition: value: if condition then [ value ] else [ ];
  optionals = condition: list: if condition then list else [ ];
  range = from: to: genList (n: from + n) (to - from + 1);
  take =
    count: list:
    genList (elemAt list) (if count < length list then count else length list);
  unique = builtins.foldl' (seen: one: if elem one seen then seen else seen ++ [ one ]) [ ];

  strings.levenshteinAtMost =
    most: a: b:
    levenshtein a b <= most;
  # Row by row; fit for short words.
  levenshtein =
    a: b:
    let
      columns = range 1 (stringLength b);
      firstRow = range 0 (stringLength b);
      min = x: y: if x < y then x else y;
      next =
        row: line:
        builtins.foldl' (
          done: column:
          let
            same = substring (line - 1) 1 a == substring (column - 1) 1 b;
            replaced = elemAt row (column - 1) + (if same then 0 else 1);
            other = min (elemAt row column) (elemAt done (column - 1)) + 1;
          in
          done ++ [ (min replaced other) ]
        ) [ line ] columns;
    in
    elemAt (builtins.foldl' next firstRow (range 1 (stringLength a))) (stringLength b);

  # Files by a list of paths; directories are taken whole.
  fileset = {
    unions = paths: paths;
    toSource =
      { root, fileset }:
      builtins.path {
        name = "source";
        path = root;
        filter =
          path: _:
          builtins.any (
            wanted:
            path == toString wanted
            || hasPrefix "${toString wanted}/" path
            || hasPrefix "${path}/" (toString wanted)
          ) fileset;
      };
  };

  fetchers.proxyImpureEnvVars = [ ];
  licenses.mit.shortName = "mit";
  trivial.release = "26.05";
}
