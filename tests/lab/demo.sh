#!/bin/sh
# The demo itself, inside the lab. Fails if anything does not end as it is told.
set -u
failed=0

show() {
  printf '\n$ %s\n' "$*"
}

say() {
  printf '# %s\n' "$*"
}

expect() {
  if [ "$1" -eq 0 ]; then return; fi
  failed=1
  say "this should not have happened (exit $1)"
}

mkdir -p /root/my-project
cd /root/my-project || exit 1
echo 'print("hello from", open("/etc/hostname").read().strip() or "the guest")' >hello.py

say "A project of yours, and untrusted code in it."
show nixbox init
nixbox init
expect $?

say "What it may reach is a line or two of the config."
edit() {
  sed -i '$d' .nixbox/config.nix
  cat >>.nixbox/config.nix <<'END'
  resources = { memoryMB = 1024; vcpus = 2; };
  network = { mode = "filtered"; domains = [ "allowed.test" ]; };
}
END
}
show '$EDITOR .nixbox/config.nix'
edit

say "A config decides what runs here, so a changed one is looked at first (on a terminal, up asks)."
show nixbox trust --yes
nixbox trust --yes
expect $?

say "A whole machine (a real Linux guest; no KVM here, so QEMU emulates it)."
# The lab's guest stands in for the one that Nix would build.
show nixbox up --runner /lab/runner
nixbox up --runner /lab/runner
expect $?

say "It sees the project, and can do what it likes in there."
show "nixbox run 'uname -n; ls; echo built > result'"
nixbox run 'uname -n; ls; echo built > result'
expect $?
show cat result
cat result
expect $?

say "It reaches the one name that the config allows."
show nixbox run -- curl -s http://allowed.test/
nixbox run -- curl -s http://allowed.test/
expect $?

refused() {
  show nixbox run -- "$@"
  nixbox run -- "$@"
  if [ $? -eq 0 ]; then expect 1; fi
}

say "Nothing else: no other name, no hard-coded address, no neighbour behind an allowed address."
refused curl -sS -m 5 http://evil.test/
refused curl -sS -m 5 http://80.0.113.11/
refused curl -sSk -m 5 --connect-to ::80.0.113.10 https://evil.test/

say "This host's own services are refused, by any address, at once."
nc -l -p 8080 -k >/dev/null 2>&1 &
refused curl -sS -m 5 http://80.0.2.2:8080/

say "What was refused, and what would allow it:"
show nixbox network log
nixbox network log
expect $?

say "What the host keeps for itself is not there."
show "nixbox run 'ls -A ~/workspace/.nixbox | wc -l'"
nixbox run 'ls -A ~/workspace/.nixbox | wc -l'

show nixbox status
nixbox status
expect $?
show nixbox down
nixbox down
expect $?
show nixbox status
nixbox status
[ "$failed" -eq 0 ] || exit 1
