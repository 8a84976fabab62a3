#!/usr/bin/env bash
# Starts the machine under test and the closed internet beside it, then becomes the init that runs
# the command. Everything started here ends with the namespace of processes.
#
# Usage: start.sh USER COMMAND...
set -euo pipefail
[ -z "${LAB_TRACE:-}" ] || set -x
user=$1
shift

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/libexec
export HOME=/root USER=root LOGNAME=root SHELL=/bin/bash LANG=C.UTF-8
export NIXBOX_LAB=/lab NIXBOX_SHARED=/shared DENO_DIR=/deno DENO_NO_UPDATE_CHECK=1
unset "${!LAB_@}"
logs=/lab/internet

start_networks() {
  hostname lab
  echo 0 >/proc/sys/net/ipv4/ip_forward
  ip netns add internet
  ip -batch - <<'END'
link set lo up
link add uplink type veth peer name lab0 netns internet
link add lan type veth peer name lan0 netns internet
address add 80.0.2.2/24 dev uplink
address add 192.168.77.2/24 dev lan
address add 2001:db8:1::2/64 dev uplink nodad
link set uplink up
link set lan up
route add default via 80.0.2.1
route add default via 2001:db8:1::1
END
  {
    echo 'link set lo up'
    echo 'address add 80.0.2.1/24 dev lab0'
    echo 'address add 192.168.77.1/24 dev lan0'
    echo 'address add 192.168.77.10/24 dev lan0'
    echo 'address add 2001:db8:1::1/64 dev lab0 nodad'
    echo 'address add 2001:db8:113::10/128 dev lo nodad'
    echo 'link set lab0 up'
    echo 'link set lan0 up'
    sed 's|.*|address add &/32 dev lo|' /lab/internet/addresses
  } | ip -netns internet -batch -
}

start_internet() {
  : >"$logs/changing"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -quiet \
    -subj "/CN=the lab's internet" -addext "subjectAltName=DNS:*.test,DNS:allowed.test,$(
      sed -n 's/^host-record=\([^,]*\),.*/DNS:\1/p' /lab/internet/dnsmasq.conf | paste -sd,
    ),DNS:*.many.allowed.test" -keyout "$logs/key.pem" -out "$logs/ca.pem"
  ip netns exec internet dnsmasq --conf-file=/lab/internet/dnsmasq.conf
  ip netns exec internet deno run --quiet --no-config --unstable-net --allow-net \
    --allow-read=/lab/internet --allow-write=/lab/internet \
    /src/tests/lab/internet/web.ts </dev/null >"$logs/web" 2>"$logs/web.log" &
  # It takes no curve that a client offers at first, so that it asks for a second hello.
  ip netns exec internet openssl s_server -quiet -www -groups P-521 -accept 80.0.113.15:443 \
    -cert "$logs/ca.pem" -key "$logs/key.pem" </dev/null >/dev/null 2>&1 &
}

# What an ordinary user's nix talks to, as on a Debian with nix-setup-systemd.
start_nix() {
  nix-daemon </dev/null >/lab/nix-daemon.log 2>&1 &
}

wait_for_all() {
  if ! read -r -t 20 _ <"$logs/web"; then
    cat "$logs/web.log" >&2
    exit 1
  fi
  local try
  for try in $(seq 100); do
    [ ! -S /nix/var/nix/daemon-socket/socket ] || return 0
    sleep 0.05
  done
  cat /lab/nix-daemon.log >&2
  exit 1
}

mkdir /run/sshd
mkdir -m 755 /run/user
install -d -m 700 -o dev -g dev /run/user/1000
mkfifo "$logs/web"
start_networks
start_internet
start_nix
wait_for_all
cd /src
case $user in
  dev) exec tini -- as-dev "$@" ;;
  *) exec tini -- "$@" ;;
esac
