#!/bin/sh
# Runs in the guest after boot, as its user, with the project's env.
echo "my-plugin is set up on $(uname -n)"
