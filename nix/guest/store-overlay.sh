# Makes the upper layer of /nix/store fit the system that boots, before it is mounted: one that is
# kept may hide paths of the host, or promise some that the host has deleted.
#
# Needs $root, the mounted root file system, and $cmdline, a file with the kernel's command line.
set -eu
layer=$root/nix/.rw-store
system=
for word in $(cat "$cmdline"); do
  case $word in init=*) system=${word#init=} ;; esac
done

# The guest's database has the host's paths of then as valid.
if [ -e "$layer/store" ] && [ "$(cat "$layer/system" 2>/dev/null)" != "$system" ]; then
  rm -rf "$layer/store" "$layer/work" "$root/nix/var/nix/db"
fi
# A garbage collection in the guest hides the host's paths by character devices (Linux,
# filesystems/overlayfs, "whiteouts and opaque directories").
for path in "$layer"/store/* "$layer"/store/.[!.]*; do
  if [ -c "$path" ]; then rm -f "$path"; fi
done
mkdir -p "$layer"
printf '%s\n' "$system" >"$layer/system"
