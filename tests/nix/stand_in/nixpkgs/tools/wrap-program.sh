#!/bin/bash
# nixpkgs' wrapProgram, as far as its options --set-default and --prefix go.
set -eu
file=$1
shift
hidden=${file%/*}/.${file##*/}-wrapped
mv "$file" "$hidden"
{
  echo '#!/bin/bash'
  while [ $# -gt 0 ]; do
    case $1 in
      --set-default) printf 'export %s=${%s-%q}\n' "$2" "$2" "$3"; shift 3 ;;
      --prefix) printf 'export %s=%q${%s:+%s$%s}\n' "$2" "$4" "$2" "$3" "$2"; shift 4 ;;
      *) echo "wrapProgram: $1 is not known to this stand-in" >&2; exit 1 ;;
    esac
  done
  printf 'exec %q "$@"\n' "$hidden"
} >"$file"
chmod +x "$file"
