# A small module system: what nixbox's guest modules use of NixOS's, and lazy in the same places, so
# that they are really evaluated where nixpkgs cannot be had. Options outside `nixbox` need not be
# declared, since NixOS's own are not here.
rec {
  mkOption = option: option // { _type = "option"; };
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  mkForce = mkOverride 50;
  mkDefault = mkOverride 1000;

  types =
    let
      type = name: check: { inherit name check; };
    in
    {
      bool = type "a boolean" builtins.isBool;
      str = type "a string" builtins.isString;
      nullOr =
        other: type "null or ${other.name}" (value: value == null || other.check value);
      package = type "a package" (value: value.type or null == "derivation");
      ints.positive = type "a positive integer" (value: builtins.isInt value && value > 0);
      enum = values: type "one of ${toString values}" (value: builtins.elem value values);
      strMatching =
        pattern:
        type "a string like ${pattern}" (
          value: builtins.isString value && builtins.match pattern value != null
        );
      listOf =
        element:
        type "a list of ${element.name}" (
          value: builtins.isList value && builtins.all element.check value
        );
    };

  # Gives the merged config of modules; `args` go to those that are functions.
  evalModules =
    { modules, args }:
    let
      arguments = args // {
        inherit config;
      };
      loaded = builtins.concatMap load modules;
      load =
        module:
        let
          value = if builtins.isPath module || builtins.isString module then import module else module;
          set = if builtins.isFunction value then value arguments else value;
          isLong = set ? config || set ? options;
        in
        [
          {
            options = set.options or { };
            config = if isLong then set.config or { } else removeAttrs set [ "imports" ];
          }
        ]
        ++ builtins.concatMap load (set.imports or [ ]);
      config = mergeAt [ ] (map (module: module.options) loaded) (map (module: module.config) loaded);
    in
    config;

  # Conditions are not looked at here, so that which keys there are does not hang on the config.
  parts =
    value:
    let
      kind = value._type or null;
      within = wrap: map wrap (parts value.content);
    in
    if !builtins.isAttrs value then
      [ ]
    else if kind == "merge" then
      builtins.concatMap parts value.contents
    else if kind == "if" then
      within (builtins.mapAttrs (_: mkIf value.condition))
    else if kind == "override" then
      within (builtins.mapAttrs (_: mkOverride value.priority))
    else
      [ value ];

  # A value below its conditions: tells a set from a leaf.
  naked =
    value:
    if value._type or null == "merge" then
      naked (builtins.head value.contents)
    else if value ? _type && value ? content then
      naked value.content
    else
      value;
  isBranch =
    value:
    let
      inner = naked value;
    in
    builtins.isAttrs inner && inner.type or null != "derivation";

  mergeAt =
    path: declarations: definitions:
    let
      options = builtins.filter (set: set._type or null == "option") declarations;
    in
    if options != [ ] then
      leaf path (builtins.head options) definitions
    else if declarations == [ ] && !(builtins.all isBranch definitions) then
      leaf path { } definitions
    else
      let
        sets = builtins.concatMap parts definitions;
        keys = builtins.attrNames (builtins.foldl' (all: set: all // set) { } (declarations ++ sets));
        values = key: from: map (set: set.${key}) (builtins.filter (set: set ? ${key}) from);
      in
      if path == [ "nixbox" ] && builtins.any (key: values key declarations == [ ]) keys then
        throw "The option `nixbox.${
          builtins.head (builtins.filter (key: values key declarations == [ ]) keys)
        }' does not exist. Definition values:"
      else
        builtins.listToAttrs (
          map (key: {
            name = key;
            value = mergeAt (path ++ [ key ]) (values key declarations) (values key sets);
          }) keys
        );

  # What is left of definitions when conditions and priorities are applied.
  discharged =
    priority: value:
    let
      kind = value._type or null;
    in
    if kind == "if" then
      if value.condition then discharged priority value.content else [ ]
    else if kind == "merge" then
      builtins.concatMap (discharged priority) value.contents
    else if kind == "override" then
      discharged value.priority value.content
    else
      [ { inherit priority value; } ];

  leaf =
    path: option: definitions:
    let
      name = builtins.concatStringsSep "." path;
      ofDefault = if option ? default then discharged 1500 option.default else [ ];
      all = builtins.concatMap (discharged 100) definitions ++ ofDefault;
      strongest = builtins.foldl' (least: one: if one.priority < least then one.priority else least) 9999 all;
      values = map (one: one.value) (builtins.filter (one: one.priority == strongest) all);
      first = builtins.head values;
      merged =
        # NixOS' own options are not declared here, so their defaults are not known.
        if values == [ ] && !(option ? _type) then
          null
        else if values == [ ] then
          throw "The option `${name}' was accessed but has no value defined."
        else if builtins.length values == 1 then
          first
        else if builtins.all builtins.isList values then
          builtins.concatLists values
        else if builtins.all (value: value == first) values then
          first
        else
          throw "The option `${name}' has conflicting definition values.";
    in
    if option ? type && !option.type.check merged then
      throw "A definition for option `${name}' is not of type ${option.type.name}."
    else
      merged;
}
