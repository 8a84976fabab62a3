#!/bin/sh
# Starts nixbox from its bundle with deno: $NIXBOX_DENO, or the one on PATH.
set -eu
self=$0
# The launcher may be reached by symlinks; readlink -f is not everywhere.
while [ -L "$self" ]; do
  target=$(readlink "$self")
  case $target in
    /*) self=$target ;;
    *) self=$(dirname -- "$self")/$target ;;
  esac
done
home=$(cd -- "$(dirname -- "$self")/.." && pwd -P)
# With this set, deno refuses to start other programs unless every one may be started.
unset LD_LIBRARY_PATH
deno=${NIXBOX_DENO:-$(command -v deno || true)}
if [ -z "$deno" ]; then
  echo "nixbox: deno is not installed; install it, or name it in NIXBOX_DENO" >&2
  exit 1
fi
exec "$deno" run --quiet --no-config --no-prompt --cached-only --allow-all \
  "$home/lib/main.js" "$@"
