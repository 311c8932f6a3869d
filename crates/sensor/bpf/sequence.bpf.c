/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What follows what: each three system calls in a row, told once for a container and program. */
#include "syscall.h"

/* The last two calls of a thread and program, in a place by the thread's number. Who is found in another's place
 * begins anew: a sequence is missed, none is made up. */
struct trace {
	u64 thread;
	u64 executable; /* inode */
	u32 filled;
	u16 call[2];
};

#define TRACES 16384 /* a power of two */

MAP(traces, MAP_ARRAY, TRACES, u32, struct trace);

struct sequence_key {
	u64 container;
	u64 executable;
	u32 device;
	u16 call[3];
	u16 pad;
	u32 pad2;
};

/* The loader makes both as small as a map can be where nobody wants to know. */
MAP(sequences_told, MAP_LRU_HASH, 65536, struct sequence_key, u32);

INLINE bool sequence__is_new(struct sequence_key *key, struct trace *trace, u64 thread, u16 call)
{
	if (trace->thread != thread || trace->executable != key->executable) {
		trace->thread = thread;
		trace->executable = key->executable;
		trace->filled = 0;
	}
	key->call[0] = trace->call[0];
	key->call[1] = trace->call[1];
	key->call[2] = call;
	trace->call[0] = trace->call[1];
	trace->call[1] = call;
	if (trace->filled < 2) {
		trace->filled++;
		return false;
	}
	return !bpf_map_lookup_elem(&sequences_told, key);
}

INLINE void sequence__tell(struct settings *settings, struct task_struct *task, const struct sequence_key *key,
			    u64 cgroup)
{
	u32 told = 1;
	if (!rate__passes(settings, KIND_SEQUENCE, cgroup))
		return;
	struct sequence_event *event = record__reserve(sizeof(*event), KIND_SEQUENCE, cgroup);
	if (!event)
		return;
	bpf_map_update_elem(&sequences_told, key, &told, BPF_ANY);
	header__fill(&event->header, task, KIND_SEQUENCE, cgroup);
	event->call[0] = key->call[0];
	event->call[1] = key->call[1];
	event->call[2] = key->call[2];
	event->pad = 0;
	record__submit(event, sizeof(*event), 0);
}

/* A program of its own, attached where sequences are wanted: the dispatcher stays as it is, and without functions
 * beside its tail calls, which older kernels refuse. */
SYSCALL_PROGRAM
int sequence__follow(u64 *ctx)
{
	struct pt_regs *registers = ARGUMENT(ctx, 0, struct pt_regs *);
	struct task_struct *task = task__current();
	struct settings *settings = settings__get();
	u64 cgroup;
	struct watch *watch = settings ? watch__current(settings, task, &cgroup) : NULL;
	if (!watch || !watch->id || !watch__wants(watch, KIND_SEQUENCE))
		return 0;
	u32 thread = FIELD(task, pid);
	u32 place = thread & (TRACES - 1);
	struct trace *trace = bpf_map_lookup_elem(&traces, &place);
	if (!trace)
		return 0;
	u16 call = registers__number(registers) | (call__is_compat(task) ? SEQUENCE_COMPAT : 0);
	struct seen_key actor = {};
	actor__fill(&actor, task);
	struct sequence_key key = { .container = watch->id, .executable = actor.actor, .device = actor.device };
	if (sequence__is_new(&key, trace, (u64)FIELD(task, tgid) << 32 | thread, call))
		sequence__tell(settings, task, &key, cgroup);
	return 0;
}
