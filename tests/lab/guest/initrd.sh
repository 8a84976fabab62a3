#!/bin/busybox sh
# First program of the guest: loads modules, finds the root disk and puts memory over it. What
# comes with the initrd rather than with the disk goes to /run/lab.
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
  insmod "$module"
done

mount -t tmpfs -o mode=755 layers /layers
mkdir /layers/disk /layers/upper /layers/work /layers/root
# By label: which disk comes first depends on what else is plugged in.
tries=0
until disk=$(findfs LABEL=lab) || [ "$tries" -eq 100 ]; do
  sleep 0.05
  tries=$((tries + 1))
done
mount -t ext4 -o ro "$disk" /layers/disk
cd /layers
mount -t overlay -o lowerdir=disk,upperdir=upper,workdir=work root root
mount -t tmpfs -o mode=755,nosuid,nodev run root/run
mkdir root/run/lab
cp /init.sh /provision.sh /attack.py /files.py /set_user_id.py /vsock.py root/run/lab/
for directory in dev proc sys; do
  mount --move /$directory root/$directory
done
# A guest with systemd has its own init (systemd-sysv).
[ -e root/usr/sbin/init ] && exec switch_root root /usr/sbin/init
exec switch_root root /run/lab/init.sh
