#!/bin/bash
# Process 1 of the lab's guest. bash reaps what is left to it while it waits.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
has() { grep -qw "$1" /proc/cmdline; }

mount -t tmpfs -o mode=755 none /run
mount -t tmpfs none /tmp
mkdir -p /dev/pts /dev/shm /run/sshd
mount -t devpts -o ptmxmode=666 devpts /dev/pts
mount -t tmpfs none /dev/shm
ip link set lo up

if ! has lab.nodhcp; then
  ip link set eth0 up
  # The script that busybox calls sets the address; the one of Debian's package is not there.
  cat >/run/udhcpc.sh <<'SCRIPT'
#!/bin/sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip address replace "$ip/$mask" dev "$interface"
ip route replace default via "$router"
printf 'nameserver %s\n' $dns >/etc/resolv.conf
SCRIPT
  chmod +x /run/udhcpc.sh
  busybox udhcpc -q -n -t 20 -T 1 -i eth0 -s /run/udhcpc.sh >/dev/null 2>&1 &
fi

# Waits for the ACPI power button.
for name in /sys/class/input/input*/name; do
  if [ "$(cat "$name")" = "Power Button" ] && ! has lab.deaf; then
    event=$(basename "$(dirname "$name")"/event*)
    (head -c 24 "/dev/input/$event" >/dev/null && poweroff) &
    break
  fi
done

/provision.sh
hostname=$(hostname)
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$hostname" >/etc/hosts
has lab.panic && { sleep 3; echo c >/proc/sysrq-trigger; }
has lab.nosshd || /usr/sbin/sshd
echo "lab: sshd listens"
while :; do
  wait
  sleep 5
done
