/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The dispatcher, and the plain calls: names and numbers. */
#include "syscall.h"

/* Runs for every system call of the host: two look-ups, then away. Tail calls keep the rest out of
 * its path (an empty slot falls through). */
SYSCALL_PROGRAM
int syscall__exit(u64 *ctx)
{
	struct pt_regs *registers = ARGUMENT(ctx, 0, struct pt_regs *);
	u32 number = registers__number(registers);
	if (call__is_compat(task__current()))
		bpf_tail_call(ctx, &compat_programs, number);
	else
		bpf_tail_call(ctx, &native_programs, number);
	return 0;
}

#define AT_FDCWD -100

/* The directory that a relative name starts from: the kernel's. */
INLINE void call__base(struct scratch *scratch, struct path_text *base, struct task_struct *task, s64 descriptor)
{
	if ((s32)descriptor == AT_FDCWD) {
		struct fs_struct *fs = FIELD(task, fs);
		path__of(scratch, base, &fs->pwd);
		return;
	}
	struct file *file = file__of_descriptor(task, (s32)descriptor);
	if (file)
		path__append(scratch, base, READ(file, f_path.dentry), READ(file, f_path.mnt));
	else
		path__clear(base);
}

/* A name and its directory. The name is read from user memory after the call: the kernel took its
 * own copy earlier and another thread can have changed it since. EVENT_USER_MEMORY says so. An
 * absolute name needs no directory, and most are. */
NOINLINE void call__name(struct scratch *scratch, struct path_text *base, struct text *path, u64 name,
			 s64 descriptor)
{
	text__user_string(scratch, path, (void *)name);
	u32 start = path->offset;
	if (start > SCRATCH_LIMIT)
		start = SCRATCH_LIMIT;
	if (path->length && scratch->data[start] == '/')
		path__clear(base);
	else
		call__base(scratch, base, task__current(), descriptor);
}

INLINE s64 call__directory(const struct call *call, s8 index)
{
	return index < 0 ? AT_FDCWD : (s32)call__argument(call, index);
}

INLINE void call__names(struct scratch *scratch, struct call_event *event, const struct call *call)
{
	if (call->shape.path >= 0) {
		call__name(scratch, &event->base, &event->path, call__argument(call, call->shape.path),
			   call__directory(call, call->shape.directory));
		event->header.flags |= EVENT_USER_MEMORY;
	} else {
		path__clear(&event->base);
		text__clear(&event->path);
	}
	if (call->shape.path2 >= 0) {
		call__name(scratch, &event->base2, &event->path2, call__argument(call, call->shape.path2),
			   call__directory(call, call->shape.directory2));
	} else {
		path__clear(&event->base2);
		text__clear(&event->path2);
	}
}

/* Calls with names are told apart by them, so that they are all reported unless the rate is
 * exceeded; those without by the actor, the call and, where the table says so, its command. */
INLINE bool call__passes(const struct call *call, u64 *suppressed)
{
	struct seen_key key = {};
	if (call->shape.path >= 0) {
		*suppressed = 0;
		return rate__passes(call->settings, call->shape.kind, call->cgroup);
	}
	actor__fill(&key, call->task);
	if (call->shape.flags & SHAPE_ARGUMENT0)
		key.object[0] = call->argument[0];
	if (call->shape.flags & SHAPE_ARGUMENT1)
		key.object[1] = call->argument[1];
	key.detail = (u64)call->shape.kind << 48 | (u64)call->number << 32 | (call->result < 0);
	return call__is_new(call, &key, 1, suppressed);
}

/* Everything that needs no more than arguments, names and one descriptor: rename, unlink, mount,
 * setns, ptrace, bpf, memfd_create, ... */
SYSCALL_PROGRAM
int syscall__plain(u64 *ctx)
{
	struct call call = {};
	if (!call__read(&call, ctx))
		return 0;
	u64 suppressed = 0;
	if (!call__passes(&call, &suppressed))
		return 0;
	struct scratch *scratch = scratch__take(SLOT_SYSCALL);
	if (!scratch)
		return 0;
	struct call_event *event = (void *)scratch->data;
	record__begin(scratch, sizeof(*event));
	header__fill(&event->header, call.task, call.shape.kind, call.cgroup);
	event->header.flags = call.flags;
	event->suppressed = suppressed;
	event->result = call.result;
	__builtin_memcpy(event->argument, call.argument, sizeof(call.argument));
	if (call.shape.flags & SHAPE_TIMES)
		bpf_probe_read_user(&event->argument[4], 16, (void *)(call.argument[2] + 16));
	event->syscall = call.number;
	text__clear(&event->extra);
	file__describe(scratch, &event->file, call__file(&call));
	call__names(scratch, event, &call);
	if (call.shape.flags & SHAPE_EXTRA)
		text__user_string(scratch, &event->extra, (void *)call.argument[2]);
	return record__send(scratch);
}
