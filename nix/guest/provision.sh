#!/usr/bin/env bash
# Applies the provisioning disk to the guest, once per boot, as root, before sshd starts.
# The NixOS module and the test guest run this same file.
#
# The disk is ext4, read-only, found by the serial "nixbox". What it carries:
#   user                   the login name, one line
#   hostname               one line
#   clock                  seconds since 1970, when the disk was made
#   env                    NAME=value, each ended by NUL
#   mounts                 three fields a share, each ended by NUL: virtiofs tag, target, ro or rw
#   authorized_keys        who may log in
#   ssh_host_ed25519_key   the guest's host key, known to the host in advance
#   id_ed25519, .pub       the guest's own identity towards others (optional)
#
# What it leaves: /run/nixbox/{env,env.sh,authorized_keys,ssh_host_ed25519_key,problems}.
# A share that cannot be mounted is written to `problems`, which `nixbox up` reads and shows.
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
  [ -d "$directory" ] && return
  make_directory "$(dirname -- "$directory")" || return 1
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
  local pair name value
  install -m 400 -o "$user" "$disk/env" "$runtime/env"
  while IFS= read -r -d '' pair; do
    name=${pair%%=*}
    value=${pair#*=}
    printf "export %s='%s'\n" "$name" "${value//\'/\'\\\'\'}"
  done <"$disk/env" >"$runtime/env.sh"
  chown -- "$user" "$runtime/env.sh"
  chmod 400 "$runtime/env.sh"
}

apply_mounts() {
  local tag target mode message
  while IFS= read -r -d '' tag && IFS= read -r -d '' target && IFS= read -r -d '' mode; do
    if ! make_directory "$target"; then
      problem "share $target: the directory could not be made"
    elif message=$(mount -t virtiofs -o "$mode,nosuid,nodev" -- "$tag" "$target" 2>&1); then
      say "mounted $target ($mode)"
    else
      problem "share $target: $message"
    fi
  done <"$disk/mounts"
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
  user=$(cat "$disk/user")
  home=$(getent passwd "$user" | cut -d: -f6)
  if [ -z "$home" ]; then
    problem "the guest has no user $user"
    home=/root
    user=root
  fi
  apply_clock
  apply_keys
  hostname "$(cat "$disk/hostname")" 2>/dev/null ||
    cat "$disk/hostname" >/proc/sys/kernel/hostname
  apply_env
  apply_mounts
  umount "$disk" && rmdir "$disk"
  say "done"
}

main "$@"
