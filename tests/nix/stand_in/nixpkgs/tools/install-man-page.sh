#!/bin/bash
# nixpkgs' installManPage: to share/man/manSECTION, by the suffix.
set -eu
for page in "$@"; do
  install -D -m 644 "$page" "$out/share/man/man${page##*.}/${page##*/}"
done
