/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Signals to others, and io_uring: what no system call's end shows. Everything else of security is
 * in syscall.bpf.c by table. */
#include "tracepoint.h"

/* A signal is generated in an interrupt too (timers), over whatever program runs there: so nothing
 * shared is touched, and only what a user sent is taken. */
#define SEND_SIG_NOINFO ((struct kernel_siginfo *)0)
#define SEND_SIG_PRIVATE ((struct kernel_siginfo *)1)

INLINE bool signal__is_from_user(struct kernel_siginfo *info, s32 *code)
{
	*code = 0;
	if (info == SEND_SIG_NOINFO)
		return true;
	if (info == SEND_SIG_PRIVATE)
		return false;
	*code = READ(info, si_code);
	/* SI_USER 0, SI_QUEUE -1, SI_TKILL -6; timers, message queues and I/O are others. */
	return *code == 0 || *code == -1 || *code == -6;
}

PROGRAM("signal_generate")
int security__signal(u64 *ctx)
{
	u32 signal = ctx[0];
	s32 code;
	if (!signal__is_from_user(ARGUMENT(ctx, 1, struct kernel_siginfo *), &code))
		return 0;
	struct task_struct *target = ARGUMENT(ctx, 2, struct task_struct *);
	struct task_struct *task = task__current();
	u32 tgid = FIELD(target, tgid);
	if (tgid == FIELD(task, tgid))
		return 0;
	struct settings *settings = settings__get();
	u64 cgroup;
	struct watch *watch = settings ? watch__current(settings, task, &cgroup) : NULL;
	if (!watch || !watch__wants(watch, KIND_SIGNAL) || !(settings->signal_mask >> ((signal - 1) & 63) & 1))
		return 0;
	if (!rate__passes(settings, KIND_SIGNAL, cgroup))
		return 0;
	struct signal_event *event = record__reserve(sizeof(*event), KIND_SIGNAL, cgroup);
	if (!event)
		return 0;
	header__fill(&event->header, task, KIND_SIGNAL, cgroup);
	struct task_struct *leader = READ(target, group_leader);
	event->target_start = READ(leader, start_boottime);
	event->target_cgroup = task__cgroup(target, settings);
	event->target_tgid = tgid;
	event->signal = signal;
	event->code = code;
	event->result = ctx[4];
	record__submit(event, sizeof(*event), 0);
	return 0;
}

/* ---- io_uring ---- */

/* The operation only: what it is done to is not settled at submission. connect through io_uring
 * passes the cgroup hooks like any other. */
INLINE int io_uring__submit(struct io_kiocb *request)
{
	struct settings *settings = settings__get();
	struct task_struct *task = task__current();
	u64 cgroup;
	struct watch *watch = settings ? watch__current(settings, task, &cgroup) : NULL;
	if (!watch || !watch__wants(watch, KIND_IO_URING))
		return 0;
	struct seen_key key = {
		.cgroup = cgroup,
		.object = { READ(request, opcode) },
		.detail = (u64)KIND_IO_URING << 48,
	};
	u64 suppressed = 0;
	actor__fill(&key, task);
	if (settings->dedup_window && !seen__is_new(&key, settings->dedup_window, 1, &suppressed))
		return 0;
	if (!rate__passes(settings, KIND_IO_URING, cgroup))
		return 0;
	struct io_uring_event *event = record__reserve(sizeof(*event), KIND_IO_URING, cgroup);
	if (!event)
		return 0;
	header__fill(&event->header, task, KIND_IO_URING, cgroup);
	event->header.flags = EVENT_IO_URING;
	event->suppressed = suppressed;
	event->opcode = key.object[0];
	event->request_flags = 0;
	record__submit(event, sizeof(*event), 0);
	return 0;
}

/* From 6.3. */
PROGRAM("io_uring_submit_req")
int io_uring__request(u64 *ctx)
{
	return io_uring__submit(ARGUMENT(ctx, 0, struct io_kiocb *));
}

/* 5.19 to 6.2: the same under its old name. Before 5.19 the arguments differ with each version: not
 * used there, and io_uring_setup by system call is all that is seen. */
PROGRAM("io_uring_submit_sqe")
int io_uring__entry(u64 *ctx)
{
	if (!FIELD_EXISTS(struct io_kiocb, opcode))
		return 0;
	return io_uring__submit(ARGUMENT(ctx, 0, struct io_kiocb *));
}
