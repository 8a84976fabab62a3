#!/bin/sh
# Becomes process 1 of a run of the lab: runs in new mount, pid, net, uts and ipc namespaces, builds
# the machine under test around itself, and runs the command in it. When it ends, the kernel ends
# every process, mount and network of the run.
#
# ROOT      the cached Debian root, never written to
# SOURCE    the project, seen at /src
# LAB       this run's directory, seen at /lab
# GUEST     the cached guest image, seen at /lab/guest
# DENO      the deno to use; DENO_CACHE its cache
# LAB_USER  root or dev
set -eu

here=$LAB/mounts
mkdir -p "$here"
mount --make-rprivate /
mount -t tmpfs -o size=90% none "$here"
mkdir "$here/upper" "$here/work" "$here/root"
mount -t overlay -o "lowerdir=$ROOT,upperdir=$here/upper,workdir=$here/work" none "$here/root"
root=$here/root

mkdir -p "$root/src" "$root/lab" "$root/deno-cache"
mount --bind "$SOURCE" "$root/src"
mount --bind "$LAB/seen" "$root/lab"
mkdir -p "$root/lab/guest"
mount --bind "$GUEST" "$root/lab/guest"
mount --bind "$DENO_CACHE" "$root/deno-cache"
touch "$root/usr/local/bin/deno"
mount --bind "$DENO" "$root/usr/local/bin/deno"
if [ -d "$SOURCE/../shared" ]; then
  mkdir -p "$root/shared"
  mount --bind "$SOURCE/../shared" "$root/shared"
fi

cat >"$root/usr/local/bin/nixbox" <<'LAUNCHER'
#!/bin/sh
exec deno run --quiet --no-prompt --cached-only --allow-all /src/main.ts "$@"
LAUNCHER
chmod 755 "$root/usr/local/bin/nixbox"

mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs none "$root/dev/shm"
mount -t tmpfs -o mode=755 none "$root/run"
mount -t tmpfs -o mode=1777 none "$root/tmp"
mkdir -m 755 "$root/run/user"
mkdir -m 700 "$root/run/user/1000"
chown 1000:1000 "$root/run/user/1000"
chmod 666 "$root/dev/net/tun"
hostname lab

mkdir -p "$root/.old"
cd "$root"
pivot_root . .old
umount -l /.old
rmdir /.old
cd /

# The host under test has one uplink, into a network that ends at the other namespace.
ip link set lo up
mkdir -p /run/netns
ip netns add internet
ip link add uplink type veth peer name lab0 netns internet
ip address add 10.99.0.2/24 dev uplink
ip link set uplink up
ip route add default via 10.99.0.1
echo 0 >/proc/sys/net/ipv4/ip_forward
ip -n internet link set lo up
ip -n internet link set lab0 up
while read -r address _; do
  ip -n internet address add "$address/24" dev lab0
done </lab/internet/addresses
ip netns exec internet dnsmasq --conf-file=/lab/internet/dnsmasq.conf
ip netns exec internet deno run --quiet --no-config --allow-net --allow-read \
  /src/tests/lab/internet/web.ts </dev/null >/lab/internet/web.log 2>&1 &

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/libexec
export LANG=C.UTF-8 NIXBOX_LAB=/lab NIXBOX_SHARED=/shared DENO_DIR=/deno-cache DENO_NO_UPDATE_CHECK=1
cd /src
set +e
if [ "$LAB_USER" = dev ]; then
  setpriv --reuid 1000 --regid 1000 --init-groups \
    env HOME=/home/dev USER=dev XDG_RUNTIME_DIR=/run/user/1000 "$@"
else
  HOME=/root USER=root "$@"
fi
exit $?
