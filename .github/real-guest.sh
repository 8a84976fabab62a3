#!/usr/bin/env bash
# Builds a real NixOS, boots it, tries it and stops it: what the lab cannot. (Not 2048 MB: some versions
# of QEMU hang with exactly that much, lib/runner/qemu.ts.) For CI with KVM; the
# argument is the hypervisor. Not run on the project's own machines, which have no usable KVM.
set -euo pipefail

hypervisor=$1
directory=$(mktemp -d)
trap 'cd /; nixbox --project "$directory" down --force || true; nixbox --project "$directory" logs console || true' EXIT
cd "$directory"

nixbox init
cat >.nixbox/config.nix <<END
{
  hypervisor = "$hypervisor";
  resources = { vcpus = 2; memoryMB = 3072; };
  network = { mode = "filtered"; domains = [ "example.org" ]; };
  nix.packages = [ "hello" ];
  env.GREETING = "hello from the host";
}
END

nixbox doctor || true
nixbox up --timeout 300
echo "made on the host" >from-host

expect() {
  local wanted=$1
  shift
  local got
  got=$("$@")
  [ "$got" = "$wanted" ] || {
    printf 'wanted: %s\ngot:    %s\nof:     %s\n' "$wanted" "$got" "$*" >&2
    exit 1
  }
}

# Its JSON is over several lines for people.
status_without_blanks() {
  nixbox status --json | tr -d ' \n'
}

expect "Hello, world!" nixbox run hello
expect "hello from the host" nixbox run 'echo "$GREETING"'
expect "made on the host" nixbox run 'cat ~/workspace/from-host'
expect "NixOS" nixbox run '. /etc/os-release; echo "$NAME"'
nixbox run 'echo "made in the guest" >~/workspace/from-guest'
expect "made in the guest" cat from-guest
nixbox run 'curl -sS -m 20 -o /dev/null https://example.org/'
if nixbox run 'curl -sS -m 10 -o /dev/null https://1.1.1.1/'; then
  echo "a hard-coded address was reached" >&2
  exit 1
fi
nixbox network log
mkdir "$directory/more" && echo shared >"$directory/more/file"
nixbox mount "$directory/more:/mnt/more:ro"
expect "shared" nixbox run 'cat /mnt/more/file'
nixbox unmount /mnt/more
nixbox run 'systemd-analyze; systemctl --failed --no-legend' || true
nixbox down
trap - EXIT
expect '{"machines":[],"problems":[]}' status_without_blanks
