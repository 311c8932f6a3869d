/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* One program at the end of every system call; what to do with each is a table of user space. */
#ifndef PALISADE_SYSCALL_H
#define PALISADE_SYSCALL_H

#include "tracepoint.h"

/* Programs by system call number, and how to read the call. Numbers without a program cost one look
 * into the array. */
struct {
	int(*type)[MAP_PROGRAMS];
	int(*max_entries)[SYSCALLS];
	int(*key_size)[4];
	int(*value_size)[4];
} native_programs SEC(".maps");

struct {
	int(*type)[MAP_PROGRAMS];
	int(*max_entries)[SYSCALLS];
	int(*key_size)[4];
	int(*value_size)[4];
} compat_programs SEC(".maps");

MAP(native_shapes, MAP_ARRAY, SYSCALLS, u32, struct syscall_shape);
MAP(compat_shapes, MAP_ARRAY, SYSCALLS, u32, struct syscall_shape);

/* A finished system call. */
struct call {
	struct settings *settings;
	struct watch *watch;
	struct task_struct *task;
	struct syscall_shape shape;
	u64 cgroup;
	u64 argument[6];
	s64 result;
	u32 number;
	u32 flags; /* of the event */
};

/* int 0x80 gives a 32-bit call in a 64-bit program too, so that the code segment is no answer: the
 * kernel's own mark is. */
INLINE bool call__is_compat(struct task_struct *task)
{
	if (!compat_syscalls)
		return false;
#if defined(__TARGET_ARCH_x86)
	return FIELD(task, thread_info.status) & TS_COMPAT;
#else
	return FIELD(task, thread_info.flags) & (1UL << TIF_32BIT_ARM64);
#endif
}

#if defined(__TARGET_ARCH_x86)
#define X32_BIT 0x40000000

INLINE u32 registers__number(struct pt_regs *registers)
{
	return (u32)REGISTER(registers, orig_ax) & ~X32_BIT;
}

INLINE void registers__arguments(struct pt_regs *registers, bool compat, u64 *argument)
{
	if (compat) {
		argument[0] = (u32)REGISTER(registers, bx);
		argument[1] = (u32)REGISTER(registers, cx);
		argument[2] = (u32)REGISTER(registers, dx);
		argument[3] = (u32)REGISTER(registers, si);
		argument[4] = (u32)REGISTER(registers, di);
		argument[5] = (u32)REGISTER(registers, bp);
		return;
	}
	argument[0] = REGISTER(registers, di);
	argument[1] = REGISTER(registers, si);
	argument[2] = REGISTER(registers, dx);
	argument[3] = REGISTER(registers, r10);
	argument[4] = REGISTER(registers, r8);
	argument[5] = REGISTER(registers, r9);
}
#else
INLINE u32 registers__number(struct pt_regs *registers)
{
	return REGISTER(registers, syscallno);
}

/* x0 holds the result by now: the first argument is in orig_x0. */
INLINE void registers__arguments(struct pt_regs *registers, bool compat, u64 *argument)
{
	argument[0] = REGISTER(registers, orig_x0);
	bpf_probe_read_kernel(&argument[1], 5 * sizeof(u64), &registers->regs[1]);
	(void)compat;
}
#endif

/* One call for either map would be a call of the kernel's generic look-up; one for each is none at all. */
INLINE struct syscall_shape *call__shape(u32 number, bool compat)
{
	struct syscall_shape *shape;
	if (compat) {
		shape = bpf_map_lookup_elem(&compat_shapes, &number);
		BARRIER(shape);
		return shape;
	}
	shape = bpf_map_lookup_elem(&native_shapes, &number);
	BARRIER(shape);
	return shape;
}

/* False when nobody wants to know. The cheap questions come first: this runs for every open. */
INLINE bool call__read(struct call *call, u64 *ctx)
{
	struct pt_regs *registers = ARGUMENT(ctx, 0, struct pt_regs *);
	call->result = ctx[1];
	call->settings = settings__get();
	if (!call->settings)
		return false;
	call->task = task__current();
	call->watch = watch__current(call->settings, call->task, &call->cgroup);
	if (!call->watch)
		return false;
	bool compat = call__is_compat(call->task);
	call->number = registers__number(registers);
	struct syscall_shape *shape = call__shape(call->number, compat);
	if (!shape || !watch__wants(call->watch, shape->kind))
		return false;
	call->shape = *shape;
	if (call->result < 0 && !(shape->flags & SHAPE_FAILURES))
		return false;
	call->flags = compat ? EVENT_COMPAT : 0;
	registers__arguments(registers, compat, call->argument);
	return true;
}

/* The argument that the shape names. Spelled out: a variable index into the stack is refused before
 * 5.14 or so. */
INLINE u64 call__argument(const struct call *call, s8 index)
{
	switch (index) {
	case 0:
		return call->argument[0];
	case 1:
		return call->argument[1];
	case 2:
		return call->argument[2];
	case 3:
		return call->argument[3];
	case 4:
		return call->argument[4];
	case 5:
		return call->argument[5];
	case FD_RESULT:
		return call->result;
	}
	return -1;
}

INLINE struct file *call__file(const struct call *call)
{
	if (call->shape.fd == FD_NONE)
		return NULL;
	return file__of_descriptor(call->task, (s32)call__argument(call, call->shape.fd));
}

INLINE bool call__is_new(const struct call *call, struct seen_key *key, u32 burst, u64 *suppressed)
{
	*suppressed = 0;
	key->cgroup = call->cgroup;
	if (call->shape.flags & SHAPE_EVERY || !call->settings->dedup_window)
		return rate__passes(call->settings, call->shape.kind, call->cgroup);
	if (!seen__is_new(key, call->settings->dedup_window, burst, suppressed))
		return false;
	if (rate__passes(call->settings, call->shape.kind, call->cgroup))
		return true;
	/* Lost to the rate: its like must not be taken for told. */
	bpf_map_delete_elem(&seen, key);
	return false;
}

#endif
