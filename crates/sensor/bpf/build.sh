#!/bin/sh
# Builds every object into a folder: build.sh OUT. What the bytes depend on is said in build.md.
set -eu

out=$(realpath "$1")
cd "$(dirname "$0")"

object() {
	name=$1 source=$2
	shift 2
	clang-14 -target bpf -mcpu=v3 -O2 -g -nostdinc -Wall -Wextra -Werror \
		-Wno-unused-function -Wno-unused-variable -Wno-unused-const-variable -Wno-sign-compare \
		-fdebug-compilation-dir=. "$@" -c "$source" -o "$out/$name"
	llvm-strip-14 -g "$out/$name"
}

for arch in x86:x86_64 arm64:aarch64; do
	target=-D__TARGET_ARCH_${arch%%:*} machine=${arch##*:}
	object "sensor_$machine.o" sensor.bpf.c "$target"
	object "sensor_raw_$machine.o" sensor.bpf.c "$target" -DRAW_TRACEPOINTS
	object "lsm_$machine.o" lsm.bpf.c "$target"
done
