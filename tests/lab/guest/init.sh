#!/bin/bash
# Process 1 of the lab's guest: provisions, starts sshd, then reaps what is left to it. Words like
# lab.nodhcp on the kernel's command line make a guest that is bad in one way (tests/lab/README.md).
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
has() { [[ " $cmdline " == *" lab.$1 "* ]]; }
read -r cmdline </proc/cmdline

mount -t tmpfs -o mode=1777,nosuid,nodev tmp /tmp
mkdir -p /dev/pts /dev/shm /run/sshd
mount -t devpts -o ptmxmode=666,mode=620,gid=5 devpts /dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev shm /dev/shm
ln -s /proc/self/fd /dev/fd
ip link set lo up

if has vsock; then
  # The host's part of vsock comes over a serial port: see vsock.py.
  modprobe -a vsock vsock_loopback
  python3 /run/lab/vsock.py bridge &
fi
if ! has nodhcp && [ -e /sys/class/net/eth0 ]; then
  ip link set eth0 up
  busybox udhcpc -f -i eth0 -t 40 -T 1 -A 1 -s /usr/local/lib/lab/udhcpc >/dev/null 2>&1 &
fi

wait_for_power_button() {
  local name
  for name in /sys/class/input/input*/name; do
    [ "$(<"$name")" = "Power Button" ] || continue
    event=("${name%/name}"/event*)
    # One event is 24 bytes (input_event of linux/input.h).
    head -c 24 "/dev/input/${event##*/}" >/dev/null && poweroff
  done
}
has deaf || wait_for_power_button &

# As the NixOS module does it: login shells, interactive ones, and those that sshd starts.
line='if [ -r /run/nixbox/env.sh ]; then . /run/nixbox/env.sh; fi'
echo "$line" >/etc/profile.d/nixbox.sh
sed -i "1i $line" /etc/bash.bashrc
/run/lab/provision.sh
echo "127.0.1.1 $(hostname)" >>/etc/hosts
has panic && (sleep 3; echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger) &
if ! has nosshd; then
  /usr/sbin/sshd && echo "lab: sshd listens"
  ! has vsock || python3 /run/lab/vsock.py sshd 2222 &
fi
# As nix/guest/proxy.nix has it; the host is CID 1 here (vsock.py), not 2.
if [ -e /run/nixbox/proxy.env ]; then
  . /run/nixbox/proxy.env
  socat -t 600 "TCP-LISTEN:$NIXBOX_PROXY_PORT,fork,reuseaddr" "VSOCK-CONNECT:1:$NIXBOX_PROXY_PORT" &
fi
while :; do
  wait
  sleep 1
done
