#!/usr/bin/env bash
# Applies the provisioning disk to the guest, once per boot, as root, before sshd starts; later the
# host calls the copy that it leaves in /run/nixbox to mount and unmount shares. The NixOS module and
# the test guest run this same file.
#
#   provision.sh                            apply the disk
#   provision.sh mount TAG TARGET MODE      mount a share; MODE is ro, rw or overlay; or bind, where
#                                           TAG is a directory of the guest
#   provision.sh directory TARGET           make the directory for a share that sshfs mounts
#   provision.sh env                        take the variables from standard input, as the disk has
#                                           them: where the disk cannot be taken away, they come so
#   provision.sh unmount TAG TARGET [--force]
#       unmount it, if it is there; ends with 16 if it is in use, and says by what
#
# The disk is ext4, read-only, found by the serial "nixbox". What it carries:
#   user                   the login name, one line
#   hostname               one line
#   clock                  seconds since 1970, when the disk was made
#   env                    NAME=value, each ended by NUL
#   mounts                 three fields a share, each ended by NUL: virtiofs tag, target, mode
#   authorized_keys        who may log in
#   ssh_host_ed25519_key   the guest's host key, known to the host in advance
#   id_ed25519, .pub       the guest's own identity towards others (optional)
#   proxy                  a port: of the guest's loopback, where its proxy is to be, and of vsock on
#                          the host, where that leads (optional)
#   dns                    resolvers in place of those that DHCP gives, separated by blanks (optional)
#
# What it leaves: /run/nixbox/{env,env.sh,user,authorized_keys,ssh_host_ed25519_key,provision.sh},
# with a proxy `proxy.env`, the same for systemd's units, and `problems`: a line for each share that
# could not be mounted, which `nixbox up` reads and shows.
set -u
umask 077

runtime=/run/nixbox
disk=

say() { printf 'nixbox-provision: %s\n' "$*"; }
problem() {
  say "problem: $*"
  printf '%s\n' "$*" >>"$runtime/problems"
}

find_disk() {
  if [ -e /dev/disk/by-id/virtio-nixbox ]; then
    readlink -f /dev/disk/by-id/virtio-nixbox
    return
  fi
  local serial
  for serial in /sys/block/*/serial; do
    if [ -r "$serial" ] && [ "$(cat "$serial")" = nixbox ]; then
      serial=${serial#/sys/block/}
      printf '/dev/%s\n' "${serial%/serial}"
      return
    fi
  done
  return 1
}

# udev and the disk's driver may still be on their way when this starts.
wait_for_disk() {
  local try
  for try in $(seq 1 100); do
    find_disk && return
    sleep 0.1
  done
  return 1
}

# Makes a directory and what is missing above it; what lies under the home belongs to the user.
make_directory() {
  local directory=$1
  [ -z "$directory" ] || [ -d "$directory" ] && return
  make_directory "${directory%/*}" || return 1
  mkdir -m 755 -- "$directory" || return 1
  case "$directory/" in
    "$home"/*) chown -- "$user:" "$directory" ;;
  esac
}

apply_keys() {
  install -m 600 "$disk/ssh_host_ed25519_key" "$runtime/ssh_host_ed25519_key"
  install -m 644 "$disk/authorized_keys" "$runtime/authorized_keys"
  [ -e "$disk/id_ed25519" ] || return 0
  make_directory "$home/.ssh"
  chmod 700 "$home/.ssh"
  install -m 600 -o "$user" "$disk/id_ed25519" "$home/.ssh/id_ed25519"
  install -m 644 -o "$user" "$disk/id_ed25519.pub" "$home/.ssh/id_ed25519.pub"
}

# The clock of a machine without a real-time clock starts far in the past: TLS would fail.
apply_clock() {
  local wanted now
  wanted=$(cat "$disk/clock")
  now=$(date +%s)
  if [ "$now" -lt "$wanted" ] || [ "$now" -gt $((wanted + 3600)) ]; then
    date -s "@$wanted" >/dev/null || problem "the clock could not be set"
  fi
}

# env.sh can be sourced by any POSIX shell: single quotes keep every byte but the single quote.
apply_env() {
  local file=$1 pair name value
  install -m 400 -o "$user" "$file" "$runtime/env"
  rm -f "$runtime/env.sh"
  while IFS= read -r -d '' pair; do
    name=${pair%%=*}
    value=${pair#*=}
    printf "export %s='%s'\n" "$name" "${value//\'/\'\\\'\'}"
  done <"$file" >"$runtime/env.sh"
  chown -- "$user" "$runtime/env.sh"
  chmod 400 "$runtime/env.sh"
}

# Services have no login shell: they read the proxy's place from here.
apply_proxy() {
  local port
  [ -e "$disk/proxy" ] || return 0
  port=$(cat "$disk/proxy")
  {
    printf 'NIXBOX_PROXY_PORT=%s\n' "$port"
    printf '%s=http://127.0.0.1:'"$port"'\n' {HTTP,HTTPS,ALL}_PROXY {http,https,all}_proxy
    printf '%s=localhost,127.0.0.1,::1\n' NO_PROXY no_proxy
  } >"$runtime/proxy.env"
  chmod 644 "$runtime/proxy.env"
}

# systemd-resolved asks these for every name (resolved.conf(5), "~.").
apply_dns() {
  local directory=/run/systemd/resolved.conf.d
  [ -e "$disk/dns" ] || return 0
  install -d -m 755 /run/systemd "$directory"
  printf '[Resolve]\nDNS=%s\nDomains=~.\n' "$(cat "$disk/dns")" >"$directory/50-nixbox.conf"
  chmod 644 "$directory/50-nixbox.conf"
  ! systemctl is-active -q systemd-resolved 2>/dev/null || systemctl restart systemd-resolved
}

# Mounts one share, and says why not where it cannot.
mount_share() {
  local tag=$1 target=$2 mode=$3
  make_directory "$target" || return 1
  case $mode in
    overlay) mount_overlay "$tag" "$target" ;;
    bind) mount --bind -- "$tag" "$target" ;;
    *) mount_virtiofs "$tag" "$target" "$mode" ;;
  esac
}

# A device that was plugged in a moment ago has no driver yet: until then there is no such tag.
mount_virtiofs() {
  local tag=$1 target=$2 mode=$3 message try
  for ((try = 0; try < patience; try++)); do
    [ "$try" -eq 0 ] || sleep 0.02
    message=$(mount -t virtiofs -o "$mode,nosuid,nodev" -- "$tag" "$target" 2>&1) && return
  done
  printf '%s\n' "$message" >&2
  return 1
}

# The share is below, read-only; what the guest changes lies above it, in memory.
mount_overlay() {
  local tag=$1 target=$2 layers=$runtime/overlay/$1
  mkdir -p "$layers/lower" "$layers/upper" "$layers/work"
  chmod 711 "$runtime/overlay" "$layers"
  mount_virtiofs "$tag" "$layers/lower" ro || return 1
  chown --reference="$layers/lower" "$layers/upper"
  chmod --reference="$layers/lower" "$layers/upper"
  local options="lowerdir=$layers/lower,upperdir=$layers/upper,workdir=$layers/work"
  mount -t overlay -o "$options,nosuid,nodev" "$tag" "$target" && return
  umount "$layers/lower"
  return 1
}

# An overlay's layers go with it.
drop_layers() {
  local layers=$1
  umount ${2:+-l} "$layers/lower" 2>/dev/null
  mountpoint -q "$layers/lower" || rm -rf "$layers"
}

# Who keeps a mount busy: "PID NAME" a line.
users_of() {
  local pattern path pid
  pattern=$(printf '%s' "$1" | sed 's/[][\\*?]/\\&/g')
  find /proc/[0-9]*/{cwd,root,exe,fd,map_files} -maxdepth 1 \
    \( -lname "$pattern" -o -lname "$pattern/*" \) 2>/dev/null |
    while IFS=/ read -r _ _ pid _; do printf '%s\n' "$pid"; done | sort -un |
    while read -r pid; do printf '%s %s\n' "$pid" "$(cat "/proc/$pid/comm" 2>/dev/null)"; done
  findmnt -rn -o TARGET -R --mountpoint "$1" | tail -n +2 | sed 's/^/mount /'
}

# A mount that waits for its device holds a lock, its programs too, so that an unmount can end it and
# be sure that nothing comes after.
hold_lock() {
  local file=$runtime/mounting.$1
  exec 9>>"$file"
  flock 9
  printf '%s' $$ >"$file"
  # shellcheck disable=SC2064 # the name as it is now
  trap "rm -f '$file'" EXIT
}

end_waiting_mount() {
  local file=$runtime/mounting.$1
  [ -e "$file" ] || return 0
  kill "$(cat "$file")" 2>/dev/null
  flock "$file" rm -f "$file"
}

# What is mounted at a path, the topmost last: a share's source is its tag.
sources_at() {
  findmnt -rn -o SOURCE --mountpoint "$1"
}

# Leaves alone what the guest itself has mounted there.
unmount_share() {
  local tag=$1 target=$2 force=${3:-}
  end_waiting_mount "$tag"
  sources_at "$target" | grep -qxF -- "$tag" || return 0
  if [ "$(sources_at "$target" | tail -n 1)" != "$tag" ]; then
    printf 'mount %s\n' "$target"
    return 16
  fi
  if [ "$force" = --force ]; then
    umount -l -- "$target" || return 1
  elif ! umount -- "$target" 2>/dev/null; then
    users_of "$target"
    return 16
  fi
  [ ! -d "$runtime/overlay/$tag" ] || drop_layers "$runtime/overlay/$tag" "$force"
}

apply_mounts() {
  local tag target mode message patience=100
  while IFS= read -r -d '' tag && IFS= read -r -d '' target && IFS= read -r -d '' mode; do
    if message=$(mount_share "$tag" "$target" "$mode" 2>&1); then
      say "mounted $target ($mode)"
    else
      problem "share $target: $message"
    fi
  done <"$disk/mounts"
}

# Finds the user that shares belong to. What comes later reads what this has found.
find_user() {
  user=$1
  home=$(getent passwd "$user" | cut -d: -f6)
  [ -n "$home" ] && return
  home=/root
  user=root
  return 1
}

# Sets `made` to the topmost directory that is missing on the way to a target: all that a failed mount
# must take away again.
missing_top() {
  local path=$1 top=
  while [ ! -e "$path" ] && [ "$path" != / ]; do
    top=$path
    path=${path%/*}
    path=${path:-/}
  done
  made=$top
}

take_target() {
  if [ -e "$1" ] && mountpoint -q -- "$1"; then
    printf 'something is mounted at %s already\n' "$1" >&2
    return 1
  fi
  if [ -e "$1" ] && [ ! -d "$1" ]; then
    printf '%s is there and no directory\n' "$1" >&2
    return 1
  fi
}

remove_empty() {
  [ -z "$1" ] || find "$1" -depth -type d -empty -delete
}

later() {
  local command=$1 made
  shift
  { read -r user && read -r home; } <"$runtime/user"
  case $command in
    mount)
      take_target "$2" || return 1
      missing_top "$2"
      hold_lock "$1"
      local patience=500
      mount_share "$@" && return
      remove_empty "$made"
      return 1
      ;;
    env)
      made=$(mktemp "$runtime/env.XXXXXX") || return 1
      trap "rm -f '$made'" EXIT
      cat >"$made" && apply_env "$made"
      ;;
    directory) take_target "$1" && make_directory "$1" ;;
    unmount) unmount_share "$@" ;;
    *) return 2 ;;
  esac
}

main() {
  mkdir -p "$runtime"
  chmod 755 "$runtime"
  rm -f "$runtime/problems"
  local device
  if ! device=$(wait_for_disk); then
    problem "no disk with the serial nixbox"
    return 1
  fi
  disk=$(mktemp -d "$runtime/disk.XXXXXX")
  if ! mount -t ext4 -o ro,nosuid,nodev,noexec "$device" "$disk"; then
    problem "the provisioning disk $device could not be mounted"
    return 1
  fi
  find_user "$(cat "$disk/user")" || problem "the guest has no user $(cat "$disk/user")"
  printf '%s\n' "$user" "$home" >"$runtime/user"
  chmod 644 "$runtime/user"
  install -m 755 "$0" "$runtime/provision.sh"
  apply_clock
  apply_keys
  hostname "$(cat "$disk/hostname")" 2>/dev/null ||
    cat "$disk/hostname" >/proc/sys/kernel/hostname
  apply_env "$disk/env"
  apply_proxy
  apply_dns
  apply_mounts
  umount "$disk" && rmdir "$disk"
  say "done"
}

if [ $# -gt 0 ]; then later "$@"; else main; fi
