#!/bin/sh
# First program of the guest, from the initramfs. It makes the guest's root: the read-only disk below
# memory, so that every machine starts the same.
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
while read -r module; do
    insmod "/modules/$module.ko" || echo "palisade: $module is not loaded"
done < /modules/order
mkdir -p /disk /memory /root
mount -t squashfs -o ro /dev/vda /disk || exec poweroff -f
mount -t tmpfs -o size=75%,mode=755 memory /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/disk,upperdir=/memory/upper,workdir=/memory/work root /root || exec poweroff -f
mkdir -p /root/images/debian /root/payload
mount --move /disk /root/images/debian
# The second disk is a tar archive, not a file system: the end of the disk is its padding.
tar -x -f /dev/vdb -C /root/payload || exec poweroff -f
mount --move /dev /root/dev
umount /proc
exec switch_root /root /bin/sh /payload/start
