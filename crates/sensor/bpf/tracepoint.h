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
#define PROGRAM(point) SEC("raw_tp/" point)
#define SYSCALL_PROGRAM SEC("raw_tp/sys_exit")
#else
#define PROGRAM(point) SEC("tp_btf/" point)
#define SYSCALL_PROGRAM SEC("tp_btf/sys_exit")
#endif

#define REGISTER(registers, name) FIELD(registers, name)
#define ARGUMENT(ctx, index, type) ((type)(ctx)[index])

/* The open file behind a descriptor of a task. Another thread can close and reopen the
 * number between the kernel's use and this look: the descriptor is only as good as that. */
INLINE struct file *file__of_descriptor(struct task_struct *task, s64 descriptor)
{
	if (descriptor < 0)
		return NULL;
	struct files_struct *files = FIELD(task, files);
	struct fdtable *table = FIELD(files, fdt);
	if (descriptor >= FIELD(table, max_fds))
		return NULL;
	struct file **slots = FIELD(table, fd);
	struct file *file = NULL;
	bpf_probe_read_kernel(&file, sizeof(file), slots + descriptor);
	return file;
}

#endif
