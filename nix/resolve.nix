# Resolves a project's config: defaults, then its plugins in order, then the config itself.
#
# Lists concatenate, attribute sets merge deeply, of other values the later wins. Nothing of nixpkgs
# is needed, so this evaluates in milliseconds on any host that has Nix.
#
#   configFile  the project's config.nix, a path as a string
#   root        where the project's files are read from: a copy of them, at their absolute paths below
#               this directory; "" where that copy is all that there is
#   pluginsDir  where the built-in plugins are
#   facts       JSON: what the defaults follow from (lib/config/facts.ts)
#
# The result is plain data; lib/config/schema.ts checks it.
{
  configFile,
  root,
  pluginsDir,
  facts,
}@arguments:
let
  inherit (builtins)
    attrNames
    concatLists
    concatStringsSep
    elem
    filter
    foldl'
    isAttrs
    isFunction
    isList
    isPath
    isString
    map
    pathExists
    readDir
    stringLength
    substring
    toString
    ;

  facts = builtins.fromJSON arguments.facts;

  asPath = text: /. + text;
  hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
  hasSuffix =
    suffix: text:
    let
      length = stringLength text;
      cut = stringLength suffix;
    in
    length >= cut && substring (length - cut) cut text == suffix;
  unique = foldl' (seen: one: if elem one seen then seen else seen ++ [ one ]) [ ];

  # The directory of a file, as text.
  directoryOf = file: toString (dirOf (asPath file));

  # Where a file of the project's is read from, and what a path of the copy stands for.
  inCopy = path: asPath (root + path);
  original =
    path:
    if root != "" && hasPrefix (root + "/") path then
      substring (stringLength root) (stringLength path) path
    else
      path;

  # A path in a config: an absolute one as it is, "./x", "../x" and "x" against the config's own
  # directory, "~/x" against the host's home. Paths of Nix itself are absolute already.
  absolute =
    base: value:
    if isPath value then
      original (toString value)
    else if !isString value then
      value
    else if hasPrefix "/" value then
      original (toString (asPath value))
    else if value == "~" || hasPrefix "~/" value then
      toString (asPath (facts.home + substring 1 (stringLength value) value))
    else
      toString (asPath "${base}/${value}");

  # A config or plugin is a set, or a function of what is known of the host.
  call = value: if isFunction value then value { inherit (facts) system user home; } else value;

  # What has paths in it is made absolute where it was written, so that merging needs no places.
  located =
    base: set:
    if !isAttrs set then
      set
    else
      set
      // (if isList (set.mounts or null) then { mounts = map locatedMount set.mounts; } else { })
      // (
        if isList (set.scripts or null) then { scripts = map (locatedScript base) set.scripts; } else { }
      )
      // (if set ? env then { env = locatedEnv base set.env; } else { })
      // (
        if isAttrs (set.nix or null) && isList (set.nix.modules or null) then
          { nix = set.nix // { modules = map (absolute base) set.nix.modules; }; }
        else
          { }
      );

  # A file that has a variable's value counts from the config that names it.
  locatedEnv =
    base: env:
    if !isAttrs env then
      env
    else
      builtins.mapAttrs (
        _: value: if isAttrs value && value ? file then value // { file = absolute base value.file; } else value
      ) env;

  # Mounts are the project's, a plugin's too: "." is the directory that holds .nixbox.
  locatedMount =
    mount:
    if isAttrs mount && mount ? source then
      mount // { source = absolute projectDir mount.source; }
    else
      mount;
  locatedScript =
    base: script:
    if isAttrs script && script ? path then
      script // { path = absolute base script.path; }
    else if isAttrs script then
      script
    else
      { path = absolute base script; };

  # Plugins: a name of a built-in one, or a path to a file or a directory with default.nix.
  builtInNames = map (
    entry: if hasSuffix ".nix" entry then substring 0 (stringLength entry - 4) entry else entry
  ) (attrNames (readDir (asPath pluginsDir)));
  isName = reference: isString reference && builtins.match "[A-Za-z0-9_-]+" reference != null;
  pluginPath =
    reference: if isName reference then "${pluginsDir}/${reference}" else absolute configDir reference;
  # What a plugin's path may stand for.
  candidates = path: [
    "${path}/default.nix"
    "${path}.nix"
  ] ++ (if hasSuffix ".nix" path then [ path ] else [ ]);
  findPlugin =
    reference:
    let
      at = if isName reference then asPath else inCopy;
      found = filter (file: pathExists (at file)) (candidates (pluginPath reference));
    in
    if found == [ ] then null else { file = builtins.head found; inherit at; };
  readPlugin =
    reference:
    let
      inherit (findPlugin reference) file at;
      set = call (import (at file));
      name =
        let
          base = baseNameOf file;
        in
        if base == "default.nix" then
          baseNameOf (directoryOf file)
        else
          substring 0 (stringLength base - 4) base;
    in
    if !isAttrs set then
      throw "plugin \"${name}\": ${file} is not an attribute set"
    else if set ? env then
      throw "plugin \"${name}\" sets env, which only the project's own config may do"
    else if set ? plugins then
      throw "plugin \"${name}\" names plugins, which only the project's own config may do"
    else
      {
        inherit name;
        path = file;
        set = located (directoryOf file) set;
      };

  configDir = directoryOf configFile;
  projectDir = directoryOf configDir;
  userConfig =
    let
      set = call (import (inCopy configFile));
    in
    if isAttrs set then set else throw "${configFile} is not an attribute set: it must be { ... }";
  pluginNames =
    let
      names = userConfig.plugins or [ ];
    in
    if isList names then names else throw "plugins must be a list of names and paths";
  # Plugins that are not in the copy: nixbox looks whether the host has them.
  missing = filter (reference: findPlugin reference == null) pluginNames;
  plugins = map readPlugin pluginNames;

  max = a: b: if a > b then a else b;
  min = a: b: if a < b then a else b;
  defaults = {
    name = facts.name;
    resources = {
      vcpus = max 1 (facts.cpus / 2);
      memoryMB = min facts.availableMB (max 4096 (facts.memoryMB / 2));
      diskGB = 20;
    };
    hypervisor = "auto";
    rosetta = false;
    mounts = [
      {
        source = projectDir;
        target = "~/workspace";
      }
    ];
    network = {
      mode = "open";
      domains = [ "nixos.org" ];
      ports = [
        80
        443
      ];
      dns = [ ];
      inspect = true;
      allowHost = [ ];
      allowPrivate = [ ];
    };
    nix = {
      packages = [ ];
      ldLibraries = [ ];
      modules = [ ];
    };
    env = { };
    scripts = [ ];
    hooks = {
      pre-up = [ ];
      post-up = [ ];
      pre-down = [ ];
      post-down = [ ];
    };
    user = facts.guestUser;
  };

  merge =
    left: right:
    if isAttrs left && isAttrs right then
      left // builtins.mapAttrs (key: value: if left ? ${key} then merge left.${key} value else value) right
    else if isList left && isList right then
      left ++ right
    else
      right;

  userSettings = located configDir (removeAttrs userConfig [ "plugins" ]);

  # The project's directory is there once: a mount of the config's own that has its source or takes
  # its target (to make it read-only, say) stands for the default one.
  standsFor = default: mount: mount.source or null == default.source || mount.target or null == default.target;
  userMounts = if isList (userSettings.mounts or null) then userSettings.mounts else [ ];
  base = defaults // {
    mounts = filter (default: !builtins.any (standsFor default) userMounts) defaults.mounts;
  };
  merged = foldl' merge base (map (plugin: plugin.set) plugins ++ [ userSettings ]);

  deduplicate =
    set: keys:
    if !isAttrs set then
      set
    else
      set
      // builtins.listToAttrs (
        concatLists (
          map (
            key: if isList (set.${key} or null) then [ { name = key; value = unique set.${key}; } ] else [ ]
          ) keys
        )
      );
  resolved =
    merged
    // {
      plugins = map (plugin: { inherit (plugin) name path; }) plugins;
      network = deduplicate merged.network [
        "domains"
        "ports"
        "dns"
        "allowHost"
        "allowPrivate"
      ];
      nix = deduplicate merged.nix [
        "packages"
        "ldLibraries"
        "modules"
      ];
    };
in
{
  # An attribute, since `nix eval --file` passes its arguments only on the way to one.
  answer = {
    missing = map (reference: {
      name = toString (if isPath reference then original (toString reference) else reference);
      path = if isName reference then null else pluginPath reference;
    }) missing;
    inherit builtInNames;
    resolved = if missing == [ ] then resolved else null;
  };
}
