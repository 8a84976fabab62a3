#!/bin/busybox sh
# First program of the guest: modules, then the root disk under an overlay in memory.
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
  /bin/busybox insmod "$module"
done
cd /mnt || exit 1
/bin/busybox mount -t tmpfs -o mode=755 none /mnt
/bin/busybox mkdir lower cover cover/upper cover/work root
tries=0
while [ ! -b /dev/vda ] && [ "$tries" -lt 100 ]; do
  /bin/busybox sleep 0.05
  tries=$((tries + 1))
done
/bin/busybox mount -t ext4 -o ro /dev/vda lower
/bin/busybox mount -t overlay -o lowerdir=lower,upperdir=cover/upper,workdir=cover/work none root
/bin/busybox cp /lab-init /provision.sh root/
/bin/busybox mount --move /dev root/dev
/bin/busybox mount --move /proc root/proc
/bin/busybox mount --move /sys root/sys
exec /bin/busybox switch_root root /lab-init
