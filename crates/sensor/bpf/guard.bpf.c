/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Prevention at exec without BPF-LSM: the new program is killed before its first instruction.
 *
 * sched_process_exec runs after the old program is gone and before the return to user mode, where
 * the pending SIGKILL is taken: 2,000 of 2,000 had not reached their first write (facts/kernel.md).
 * What exec itself does has happened: O_CLOEXEC files are closed, the old program is lost. */
#include "guard.h"
#include "tracepoint.h"

NOINLINE bool guard__by_path(struct scratch *scratch, const struct settings *settings, u64 container,
			     struct file *file, struct exec_verdict *verdict)
{
	record__begin(scratch, sizeof(struct path_text));
	struct path_text *path = (void *)scratch->data;
	path__append(scratch, path, READ(file, f_path.dentry), READ(file, f_path.mnt));
	if (!path__is_whole(path->flags, path->length))
		return false;
	u64 hash[2];
	path__hash(settings, &scratch->data[sizeof(*path)], path->length, hash);
	return guard__by_hash(container, hash, verdict);
}

NOINLINE int guard__report(struct task_struct *task, u64 cgroup,
			   struct exec_verdict *verdict, struct file *file)
{
	struct scratch *scratch = scratch__take(SLOT_GUARD);
	if (!scratch)
		return 0;
	struct file_event *event = (void *)scratch->data;
	record__begin(scratch, sizeof(*event));
	header__fill(&event->header, task, KIND_EXEC, cgroup);
	event->header.flags = EVENT_KILLED | (verdict->effect == EFFECT_CANARY ? EVENT_CANARY : 0);
	event->result = verdict->rule;
	event->suppressed = 0;
	event->open_flags = 0;
	event->syscall = 0;
	file__describe(scratch, &event->file, file);
	return record__send(scratch);
}

PROGRAM("sched_process_exec")
int guard__exec(u64 *ctx)
{
	struct task_struct *task = ARGUMENT(ctx, 0, struct task_struct *);
	struct settings *settings = settings__get();
	u64 cgroup;
	struct watch *watch = settings ? watch__current(settings, task, &cgroup) : NULL;
	if (!watch)
		return 0;
	struct file *file = task__executable(task);
	if (!file)
		return 0;
	struct scratch *scratch = scratch__take(SLOT_GUARD);
	if (!scratch)
		return 0;
	struct exec_verdict verdict = {};
	if (!guard__decide(watch, READ(file, f_inode), READ(file, f_path.dentry), &verdict))
		if (!(watch->flags & WATCH_EXEC_PATHS) || !guard__by_path(scratch, settings, watch->id, file, &verdict))
			guard__by_default(watch, &verdict);
	if (!guard__refuses(&verdict, watch, settings, task))
		return 0;
	bpf_send_signal(SIGKILL);
	if (verdict.effect == EFFECT_CANARY)
		canary__count(cgroup);
	return guard__report(task, cgroup, &verdict, file);
}
