#!/bin/bash
# The first process of a local cluster's namespaces: mounts what the cluster sees, says that it is done, then only waits.
# When it dies, the kernel kills every process of the cluster and drops every mount, interface and rule in it.
#
# Usage: node-init.sh STAGE READY_FILE SOURCE=TARGET...
#   STAGE        an empty directory to build the new /run in
#   READY_FILE   created at the end
#   SOURCE=TARGET  a file or directory of the machine, and its name under the new /run
set -euo pipefail

stage=$1 ready=$2
shift 2

mount -t tmpfs -o mode=0755 odin "$stage"
mkdir -p "$stage/lock" "$stage/netns" "$stage/sysctl" "$stage/sys"

for pair in "$@"; do
  source=${pair%%=*} target=$stage/${pair#*=}
  mkdir -p "$(dirname "$target")"
  if [ -d "$source" ]; then mkdir -p "$target"; else touch "$target"; fi
  mount --bind "$source" "$target"
done

# The kubelet insists on these settings, and they belong to the whole machine: it is shown the values it wants, and the
# machine keeps its own.
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  file=/proc/sys/${setting%%=*}
  if [ -e "$file" ]; then
    shown=$stage/sysctl/${file##*/}
    echo "${setting#*=}" >"$shown"
    mount --bind "$shown" "$file"
  fi
done

# The name servers of the machine. A resolver on its loopback address cannot be reached from here; systemd-resolved
# keeps the list of the real ones.
for list in /run/systemd/resolve/resolv.conf /etc/resolv.conf; do
  if [ -r "$list" ]; then
    cat "$list" >"$stage/resolv.conf"
    break
  fi
done
touch "$stage/resolv.conf"
resolver=$(readlink -f /etc/resolv.conf || true)
case $resolver in
  /run/*)
    mkdir -p "$stage/$(dirname "${resolver#/run/}")"
    cp "$stage/resolv.conf" "$stage/${resolver#/run/}"
    ;;
  /*) if [ -f "$resolver" ]; then mount --bind "$stage/resolv.conf" "$resolver"; fi ;;
esac

mount --rbind "$stage" /run
# Fixed paths of the kubelet, of containerd and of the network plugins lie under /var; the machine's own stay untouched.
mount -t tmpfs -o mode=0755 odin /var
mkdir -p /var/lib /var/log /var/tmp
chmod 1777 /var/tmp
ln -s /run /var/run

touch "$ready"
# As process 1 bash reaps every orphan; a plain `sleep` would leave zombies.
while :; do
  sleep 86400 &
  wait $! || true
done
