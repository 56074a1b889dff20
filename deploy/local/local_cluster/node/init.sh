#!/bin/sh
# The first process of a node's own mount and process namespace; the argument is the node's folder.
set -eu
node=$1

# Volumes that are mounted later must reach the containers that ask for it.
mount --make-rshared /
mount --bind "$node/lib" /var/lib
mount --bind "$node/log" /var/log
mount -t tmpfs -o mode=755 tmpfs /run

# Settings of the whole machine that the kubelet and the network plugins insist on: they read and write these files.
cd "$node/settings"
find . -type f | while read -r setting; do
    mount --bind "$setting" "/proc/sys/$setting"
done
cd /

touch "$node/prepared"
# Ignored, this signal makes the kernel reap what is orphaned here. (A shell's `wait` may return for any orphan.)
exec env --ignore-signal=CHLD sleep infinity
