#!/bin/bash
# The esbuild that the lab's deno has fetched for `deno bundle`.
exec /deno/dl/esbuild-*/esbuild-* "$@"
