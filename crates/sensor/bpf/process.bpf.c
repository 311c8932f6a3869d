/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* fork, exec, exit. */
#include "tracepoint.h"

/* ---- fork ---- */

/* Called for threads too: only a new thread group is a process. The child's cgroup is read from the
 * child, since clone3 can put it into another one (CLONE_INTO_CGROUP, 5.7). */
PROGRAM("sched_process_fork")
int process__fork(u64 *ctx)
{
	struct task_struct *parent = ARGUMENT(ctx, 0, struct task_struct *);
	struct task_struct *child = ARGUMENT(ctx, 1, struct task_struct *);
	u32 tgid = READ(child, tgid);
	if ((u32)READ(child, pid) != tgid)
		return 0;
	struct settings *settings = settings__get();
	if (!settings)
		return 0;
	u64 cgroup = task__cgroup(child, settings);
	struct watch *watch = watch__of(cgroup, settings);
	if (!watch || !watch__wants(watch, KIND_FORK) || !rate__passes(settings, KIND_FORK, cgroup))
		return 0;
	struct scratch *scratch = scratch__take(SLOT_FORK);
	if (!scratch)
		return 0;
	struct fork_event *event = (void *)scratch->data;
	record__begin(scratch, sizeof(*event));
	/* The child's credentials and namespaces first, then over it the parent's header. */
	header__fill(&event->header, child, KIND_FORK, cgroup);
	event->child_start = event->header.start;
	event->child_cgroup = cgroup;
	event->child_tgid = tgid;
	event->child_inner_tgid = event->header.inner_tgid;
	event->child_mount_namespace = event->header.mount_namespace;
	event->child_pid_namespace = event->header.pid_namespace;
	event->child_network_namespace = event->header.network_namespace;
	event->child_user_namespace = event->header.user_namespace;
	header__fill(&event->header, parent, KIND_FORK, task__cgroup(parent, settings));
	return record__send(scratch);
}

/* ---- exec ---- */

INLINE void exec__ancestors(struct exec_event *event, struct task_struct *task)
{
	u32 count = 0;
	struct task_struct *leader = FIELD(task, group_leader);
	for (int i = 0; i < ANCESTORS; i++) {
		struct task_struct *parent = FIELD(leader, real_parent);
		if (!parent)
			break;
		leader = FIELD(parent, group_leader);
		if (!leader)
			break;
		struct ancestor *ancestor = &event->ancestor[i];
		ancestor->tgid = FIELD(leader, tgid);
		ancestor->start = FIELD(leader, start_boottime);
		ancestor->pad = 0;
		if (!ancestor->tgid)
			break;
		count = i + 1;
	}
	event->ancestors = count;
}

INLINE u32 exec__group(struct signal_struct *signal, u32 type)
{
	struct pid *pid = NULL;
	bpf_probe_read_kernel(&pid, sizeof(pid),
			      (u8 *)signal + FIELD_OFFSET(struct signal_struct, pids) + type * sizeof(pid));
	struct upid upid = {};
	bpf_probe_read_kernel(&upid, sizeof(upid), (u8 *)pid + FIELD_OFFSET(struct pid, numbers));
	return upid.nr; /* level 0: the host's number */
}

#define PIDTYPE_PGID 2
#define PIDTYPE_SID 3

INLINE u32 exec__terminal(struct signal_struct *signal)
{
	struct tty_struct *tty = READ(signal, tty);
	if (!tty)
		return 0;
	struct tty_driver *driver = READ(tty, driver);
	return (u32)READ(driver, major) << 20 | ((u32)(READ(driver, minor_start) + READ(tty, index)) & 0xfffff);
}

/* A name's first bytes as a number. */
#define START8(a, b, c, d, e, f, g, h)                                                         \
	((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 | (u64)(f) << 40 | \
	 (u64)(g) << 48 | (u64)(h) << 56)

/* Variables that change what code runs or what is remembered of it. */
INLINE bool environment__matters(u64 start)
{
	if ((start & 0xffffff) == START8('L', 'D', '_', 0, 0, 0, 0, 0))
		return true;
	switch (start) {
	case START8('G', 'C', 'O', 'N', 'V', '_', 'P', 'A'): /* GCONV_PATH */
	case START8('G', 'L', 'I', 'B', 'C', '_', 'T', 'U'): /* GLIBC_TUNABLES */
	case START8('B', 'A', 'S', 'H', '_', 'E', 'N', 'V'):
	case START8('H', 'I', 'S', 'T', 'F', 'I', 'L', 'E'):
	case START8('H', 'I', 'S', 'T', 'S', 'I', 'Z', 'E'):
	case START8('N', 'O', 'D', 'E', '_', 'O', 'P', 'T'): /* NODE_OPTIONS */
	case START8('P', 'E', 'R', 'L', '5', 'O', 'P', 'T'):
	case START8('P', 'E', 'R', 'L', '5', 'L', 'I', 'B'):
	case START8('P', 'Y', 'T', 'H', 'O', 'N', 'S', 'T'): /* PYTHONSTARTUP */
	case START8('P', 'Y', 'T', 'H', 'O', 'N', 'P', 'A'): /* PYTHONPATH */
	case START8('R', 'U', 'B', 'Y', 'O', 'P', 'T', '='):
	case START8('J', 'A', 'V', 'A', '_', 'T', 'O', 'O'): /* JAVA_TOOL_OPTIONS */
		return true;
	}
	return false;
}

#define VARIABLES 512
#define VARIABLE_BYTES 256

/* Reads each variable in place and keeps it only if it matters. One longer than VARIABLE_BYTES
 * continues as further pieces, none of which is taken for a name. */
NOINLINE void exec__environment(struct scratch *scratch, struct exec_event *event, u64 from, u64 end)
{
	struct text *text = &event->environment;
	/* Aligned: a variable's first eight bytes are compared as one word. */
	u32 begin = (record__end(scratch) + 7) & ~7u;
	u32 kept = begin;
	bool whole = true;
	text->offset = begin;
	for (int i = 0; i < VARIABLES; i++) {
		if (from >= end || kept > SCRATCH_LIMIT - VARIABLE_BYTES)
			break;
		u8 *place = &scratch->data[kept];
		long copied = bpf_probe_read_user_str(place, VARIABLE_BYTES, (void *)from);
		if (copied <= 0)
			break;
		u64 start = *(const u64 *)place;
		if (whole && copied > 8 && environment__matters(start))
			kept = (kept + (copied & 511) + 7) & ~7u;
		whole = copied < VARIABLE_BYTES;
		from += whole ? copied : copied - 1;
	}
	event->flags = from < end ? EXEC_ENVIRONMENT_CUT : 0;
	text->length = kept - begin;
	scratch->end = kept;
}

INLINE void exec__names(struct scratch *scratch, struct exec_event *event, struct linux_binprm *binary)
{
	const char *name = READ(binary, filename);
	const char *interpreter = READ(binary, interp);
	text__kernel_string(scratch, &event->invoked, name);
	if (interpreter != name)
		text__kernel_string(scratch, &event->interpreter, interpreter);
	else
		text__clear(&event->interpreter);
}

/* The arguments are on the new stack, which the kernel has just written and which no user code has
 * seen yet: nobody can have changed them. */
INLINE void exec__arguments(struct scratch *scratch, struct exec_event *event, struct mm_struct *mm)
{
	u64 start = READ(mm, arg_start), end = READ(mm, arg_end);
	event->argument_bytes = end > start ? end - start : 0;
	text__user_bytes(scratch, &event->arguments, (void *)start, event->argument_bytes);
	exec__environment(scratch, event, READ(mm, env_start), READ(mm, env_end));
}

INLINE void exec__identity(struct exec_event *event, struct task_struct *task)
{
	const struct cred *cred = FIELD(task, cred);
	struct signal_struct *signal = FIELD(task, signal);
	event->permitted = cred ? WORD(cred, cap_permitted) : 0;
	event->inheritable = cred ? WORD(cred, cap_inheritable) : 0;
	event->ambient = cred ? WORD(cred, cap_ambient) : 0;
	event->bounding = cred ? WORD(cred, cap_bset) : 0;
	event->saved_uid = cred ? FIELD(cred, suid.val) : (u32)-1;
	event->saved_gid = cred ? FIELD(cred, sgid.val) : (u32)-1;
	event->login_uid = (u32)-1;
	if (FIELD_EXISTS(struct task_struct, loginuid))
		event->login_uid = FIELD(task, loginuid.val);
	event->session = exec__group(signal, PIDTYPE_SID);
	event->group = exec__group(signal, PIDTYPE_PGID);
	event->terminal = exec__terminal(signal);
	exec__ancestors(event, task);
}

PROGRAM("sched_process_exec")
int process__exec(u64 *ctx)
{
	struct task_struct *task = ARGUMENT(ctx, 0, struct task_struct *);
	struct settings *settings = settings__get();
	u64 cgroup;
	struct watch *watch = settings ? watch__current(settings, task, &cgroup) : NULL;
	if (!watch || !watch__wants(watch, KIND_EXEC) || !rate__passes(settings, KIND_EXEC, cgroup))
		return 0;
	struct scratch *scratch = scratch__take(SLOT_EXEC);
	if (!scratch)
		return 0;
	struct exec_event *event = (void *)scratch->data;
	record__begin(scratch, sizeof(*event));
	header__fill(&event->header, task, KIND_EXEC, cgroup);
	event->old_tid = ctx[1];
	exec__identity(event, task);
	struct mm_struct *mm = READ(task, mm);
	struct fs_struct *fs = READ(task, fs);
	file__describe(scratch, &event->executable, READ(mm, exe_file));
	path__of(scratch, &event->directory, &fs->pwd);
	exec__names(scratch, event, ARGUMENT(ctx, 2, struct linux_binprm *));
	exec__arguments(scratch, event, mm);
	return record__send(scratch);
}

/* ---- exit ---- */

/* Once for each thread: only the last one's is the process's end. `live` was decremented before, in
 * every version (6.16 gives the same as the tracepoint's second argument). */
PROGRAM("sched_process_exit")
int process__exit(u64 *ctx)
{
	struct task_struct *task = ARGUMENT(ctx, 0, struct task_struct *);
	struct signal_struct *signal = READ(task, signal);
	if (READ(signal, live.counter) != 0)
		return 0;
	struct settings *settings = settings__get();
	u64 cgroup;
	struct watch *watch = settings ? watch__current(settings, task, &cgroup) : NULL;
	if (!watch || !watch__wants(watch, KIND_EXIT) || !rate__passes(settings, KIND_EXIT, cgroup))
		return 0;
	struct scratch *scratch = scratch__take(SLOT_EXIT);
	if (!scratch)
		return 0;
	struct exit_event *event = (void *)scratch->data;
	record__begin(scratch, sizeof(*event));
	header__fill(&event->header, task, KIND_EXIT, cgroup);
	u32 group_code = READ(signal, group_exit_code);
	event->code = group_code ? group_code : (u32)READ(task, exit_code);
	event->pad = 0;
	/* The signal struct has the sum of the threads that ended before; this one is the last. */
	event->user_time = READ(signal, utime) + READ(task, utime);
	event->system_time = READ(signal, stime) + READ(task, stime);
	return record__send(scratch);
}
