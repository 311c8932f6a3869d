# For scripts in the guest.

# emit NAME FILE: the file's content to the host.
emit() {
    printf '\n\036file %s %s\n' "$1" "$(stat -c %s "$2")"
    head -c "$(stat -c %s "$2")" "$2"
}

# Where containerd keeps what it runs: /run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID.
bundles=/run/containerd/io.containerd.runtime.v2.task/k8s.io

# prepare ID: the container's bundle, its root an overlay in memory over the image.
prepare() {
    image=$(cat "/payload/containers/$1/image")
    data=/var/lib/containers-data/$1
    mkdir -p "$bundles/$1/rootfs" "$data/upper" "$data/work"
    cp "/payload/containers/$1/config.json" "$bundles/$1/"
    if [ -e "/payload/containers/$1/bridge" ]; then
        attach "$1"
    fi
    mount -t overlay -o "lowerdir=/images/$image,upperdir=$data/upper,workdir=$data/work" overlay "$bundles/$1/rootfs"
}

# attach ID: a network namespace with a cable to the guest.
attach() {
    number=$(cat "/payload/containers/$1/bridge")
    ip netns add "$1"
    ip link add "b$number" type veth peer name eth0 netns "$1"
    ip address add "10.215.$number.1/24" dev "b$number"
    ip link set "b$number" up
    ip -n "$1" address add "10.215.$number.2/24" dev eth0
    ip -n "$1" link set eth0 up
    ip -n "$1" link set lo up
    ip -n "$1" route add default via "10.215.$number.1"
}

# run_container ID SECONDS: to its end, at most so long; 124 if it had to be killed.
run_container() {
    began=$(date +%s)
    prepare "$1" && timeout --signal KILL "$2" runc run --bundle "$bundles/$1" "$1" < /dev/null
    ended=$?
    if [ "$ended" -eq 137 ] && [ $(($(date +%s) - began)) -ge "$2" ]; then
        ended=124
    fi
    remove_container "$1"
    return $ended
}

# start_container ID: in the background.
start_container() {
    prepare "$1" && runc run --detach --bundle "$bundles/$1" "$1" < /dev/null > "/run/$1.log" 2>&1
}

# exec_container ID COMMAND…: another process in one that was started.
exec_container() {
    id=$1
    shift
    runc exec "$id" "$@" < /dev/null
}

# remove_container ID
remove_container() {
    runc delete --force "$1" 2> /dev/null
    umount "$bundles/$1/rootfs" 2> /dev/null
    ip netns delete "$1" 2> /dev/null
    rm -rf "${bundles:?}/$1" "/var/lib/containers-data/$1"
    return 0
}
