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
#define FIELD(pointer, field) READ(pointer, field)
#define PROGRAM(point) SEC("raw_tp/" point)
#define SYSCALL_PROGRAM SEC("raw_tp/sys_exit")
#else
/* The verifier knows the type behind a tp_btf argument and behind what is reached from it by fields: a
 * plain load, no helper. Not so behind a pointer that was read by a helper. */
#define FIELD(pointer, field) ((pointer)->field)
#define PROGRAM(point) SEC("tp_btf/" point)
#define SYSCALL_PROGRAM SEC("tp_btf/sys_exit")
#endif

#define REGISTER(registers, name) FIELD(registers, name)
#define ARGUMENT(ctx, index, type) ((type)(ctx)[index])

/* The current task, so that its fields are plain loads where they can be. */
INLINE struct task_struct *task__typed(void)
{
#ifdef RAW_TRACEPOINTS
	return task__current();
#else
	return bpf_get_current_task_btf();
#endif
}

/* The open file behind a descriptor of the current task. Another thread can close and reopen the
 * number between the kernel's use and this look: the descriptor is only as good as that. */
INLINE struct file *file__of_descriptor(s64 descriptor)
{
	if (descriptor < 0)
		return NULL;
	struct task_struct *task = task__typed();
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
