#!/bin/sh
# Second program of the guest: mounts what a system has, runs the script, tells how it ended, powers off.
# What the script writes to its standard output goes to the host; see `emit`.
export PATH=/payload:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc -o nosuid,nodev,noexec proc /proc
mount -t sysfs -o nosuid,nodev,noexec sys /sys
mount -t securityfs securityfs /sys/kernel/security
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup
mkdir -p /dev/pts /dev/shm /dev/mqueue
mount -t devpts devpts /dev/pts
for place in /dev/shm /run /tmp /var/lib/containers-data; do
    mkdir -p "$place"
    mount -t tmpfs -o size=50%,mode=1777 tmpfs "$place"
done
for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control
done
ip link set lo up
hostname guest
mkdir -p /images/busybox
tar -x -f /payload/busybox.tar -C /images/busybox
. /payload/containers.sh
( . /payload/run ) > /dev/vport0p1
printf '\n\036exit %s\n' "$?" > /dev/vport0p1
busybox poweroff -f
