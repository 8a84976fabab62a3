# Before any program is looked for: PATH without relative entries, and without those in a nixbox
# project, where a guest may have put one. Uses what the shell has itself, and nothing else.
nixbox_rest=$PATH:
PATH=
while [ -n "$nixbox_rest" ]; do
  nixbox_entry=${nixbox_rest%%:*}
  nixbox_rest=${nixbox_rest#*:}
  case $nixbox_entry in
    */../* | */.. | [!/]* | '') continue ;;
  esac
  nixbox_at=$nixbox_entry
  while [ -n "$nixbox_at" ] && [ ! -d "$nixbox_at/.nixbox" ]; do
    nixbox_at=${nixbox_at%/*}
  done
  [ -n "$nixbox_at" ] || PATH=${PATH:+$PATH:}$nixbox_entry
done
export PATH
