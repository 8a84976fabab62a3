#!/usr/bin/env bash
# First process of a run, in its own namespaces: lays out the file system of the machine under
# test and moves into it. Everything mounted here ends with the namespace.
#
# Usage: mount.sh USER COMMAND...; the places come as LAB_* variables from enter.ts.
set -euo pipefail
[ -z "${LAB_TRACE:-}" ] || set -x

root=$LAB_MOUNTPOINT/root

# Every run starts from the same files, and leaves none.
mount -t tmpfs -o mode=755 lab "$LAB_MOUNTPOINT"
mkdir "$LAB_MOUNTPOINT"/{upper,work,root,deno-upper,deno-work}
layers="lowerdir=$LAB_ROOT,upperdir=$LAB_MOUNTPOINT/upper,workdir=$LAB_MOUNTPOINT/work"
mount -t overlay -o "$layers" lab "$root"

mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
mkdir "$root"/dev/{pts,shm,net,mapper}
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"

for node in null zero full random urandom tty kvm fuse vhost-net vhost-vsock; do
  [ ! -c /dev/$node ] || cp -a /dev/$node "$root/dev/$node"
done
mknod "$root/dev/net/tun" c 10 200
# As udev leaves them on Debian.
chmod 666 "$root/dev/net/tun"
[ ! -c "$root/dev/kvm" ] || { chroot "$root" chgrp kvm /dev/kvm && chmod 660 "$root/dev/kvm"; }
[ ! -c "$root/dev/fuse" ] || chmod 666 "$root/dev/fuse"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"

mount --bind "$LAB_PROJECT" "$root/src"
if [ -n "$LAB_SHARED" ]; then
  mkdir "$root/shared"
  mount --bind "$LAB_SHARED" "$root/shared"
fi
cp -a "$LAB_FILES/." "$root/lab"
mkdir "$root/lab/guest"
mount --bind -o ro "$LAB_IMAGES" "$root/lab/guest"
touch "$root/usr/local/bin/deno"
mount --bind "$LAB_DENO" "$root/usr/local/bin/deno"
mount --bind "$LAB_DENO_DIR" "$root/deno"
# The ordinary user reads the same cache and writes to its own layer.
layers="lowerdir=$LAB_DENO_DIR,upperdir=$LAB_MOUNTPOINT/deno-upper,workdir=$LAB_MOUNTPOINT/deno-work"
mount -t overlay -o "$layers" deno "$root/deno-dev"
find "$root/deno-dev" -type d -exec chown 1000:1000 {} +
find "$root/deno-dev" -maxdepth 1 -type f -exec chown 1000:1000 {} +
cp "$LAB_PROJECT"/tests/lab/inside/{as-dev,nixbox} "$root/usr/local/bin/"

cd "$root"
mkdir old
pivot_root . old
umount -l /old
rmdir /old
exec bash /src/tests/lab/inside/start.sh "$@"
