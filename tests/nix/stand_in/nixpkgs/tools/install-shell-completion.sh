#!/bin/bash
# nixpkgs' installShellCompletion with --cmd and a file for each shell.
set -eu
while [ $# -gt 0 ]; do
  case $1 in
    --cmd) name=$2 ;;
    --bash) install -D -m 644 "$2" "$out/share/bash-completion/completions/$name.bash" ;;
    --zsh) install -D -m 644 "$2" "$out/share/zsh/site-functions/_$name" ;;
    --fish) install -D -m 644 "$2" "$out/share/fish/vendor_completions.d/$name.fish" ;;
    *) echo "installShellCompletion: $1 is not known to this stand-in" >&2; exit 1 ;;
  esac
  shift 2
done
