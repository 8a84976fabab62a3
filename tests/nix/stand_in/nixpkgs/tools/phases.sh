#!/bin/bash
# The phases of a standard environment: unpack, build, install, check what is installed.
set -eu -o pipefail
PATH=$initialPath
for input in ${nativeBuildInputs:-}; do PATH=$input/bin:$PATH; done
export PATH TMPDIR=${TMPDIR:-$PWD}
runHook() { :; }
if [ -z "${dontUnpack:-}" ]; then
  cp -R "$src" source
  chmod -R u+w source
  cd source
fi
eval "${buildPhase:-}"
eval "${installPhase:-}"
[ -z "${doInstallCheck:-}" ] || eval "${installCheckPhase:-}"
