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

say "A project of yours, and code in it that you do not trust."
show nixbox init
nixbox init
expect $?

say "A machine of its own (a real Linux guest; no KVM here, so QEMU emulates it)."
# The lab's guest stands in for the one that Nix would build.
sed -i 's/# resources = {/resources = { memoryMB = 1024; vcpus = 2; };\n  # resources = {/' .nixbox/config.nix
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

say "Names and the web work."
show nixbox run -- curl -s http://allowed.test/
nixbox run -- curl -s http://allowed.test/
expect $?

say "This host's own services are refused, by any address, at once."
nc -l -p 8080 -k >/dev/null 2>&1 &
show nixbox run -- curl -sS http://10.99.0.2:8080/
nixbox run -- curl -sS -m 5 http://10.99.0.2:8080/
if [ $? -eq 0 ]; then expect 1; fi

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
