/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Rung 3 as one object, so that its programs share maps without pinning anything: what is pinned
 * outlives a kill -9. The loader loads and attaches each program by itself, and one that this
 * kernel refuses costs only itself. */
#include "license.h"
#include "abi.h"
#include "layout.h"
#include "process.bpf.c"
#include "syscall.bpf.c"
#include "sequence.bpf.c"
#include "file.bpf.c"
#include "network.bpf.c"
#include "security.bpf.c"
#include "containers.bpf.c"
#include "guard.bpf.c"
#ifndef RAW_TRACEPOINTS
#include "iterators.bpf.c"
#include "cgroup.bpf.c"
#endif
