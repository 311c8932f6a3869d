/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* How a program is tied to a tracepoint.
 *
 * tp_btf (5.5) where it loads. With -DRAW_TRACEPOINTS the same sources give raw tracepoints, which
 * need no BTF-typed attach point: the fallback for kernels that refuse tp_btf. Both get the
 * arguments as an array of 64-bit words.
 */
#ifndef PALISADE_TRACEPOINT_H
#define PALISADE_TRACEPOINT_H

#include "helpers.h"

#ifdef RAW_TRACEPOINTS
#define REGISTER(registers, name) READ(registers, name)
#define PROGRAM(point) SEC("raw_tp/" point)
#define SYSCALL_PROGRAM SEC("raw_tp/sys_exit")
#else
/* The verifier knows the type behind a tp_btf argument: a plain load, no helper. */
#define REGISTER(registers, name) ((registers)->name)
#define PROGRAM(point) SEC("tp_btf/" point)
#define SYSCALL_PROGRAM SEC("tp_btf/sys_exit")
#endif

#define ARGUMENT(ctx, index, type) ((type)(ctx)[index])

#endif
