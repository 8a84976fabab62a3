#!/bin/bash
# The lab's deno. Its builds have no network, so what `install` would fetch from there comes from the
# cache that the lab's deno has.
if [ "${1:-}" = install ]; then
  mkdir -p "$DENO_DIR"
  cp -R /deno/npm "$DENO_DIR/npm"
  registry=("$DENO_DIR"/npm/*)
  export NPM_CONFIG_REGISTRY=http://${registry[0]##*/}/
fi
exec /usr/local/bin/deno "$@"
