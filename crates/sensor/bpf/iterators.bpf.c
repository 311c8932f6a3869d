/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What exists when the sensor starts: read once, as a file. */
#include "helpers.h"

/* bpf_seq_write of a record: the header says its size, so that records can be read as a stream. */
INLINE void snapshot__write(struct seq_file *seq, struct scratch *scratch)
{
	struct event_header *header = (void *)scratch->data;
	u32 size = (record__end(scratch) + 7) & ~7u;
	BARRIER(size);
	if (size > SCRATCH_BYTES)
		size = SCRATCH_BYTES;
	header->size = size;
	header->sequence = 0;
	bpf_seq_write(seq, scratch->data, size);
}

SEC("iter/task")
int iterator__task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	if (!task || task->pid != task->tgid || task->flags & PF_KTHREAD)
		return 0;
	struct settings *settings = settings__get();
	struct scratch *scratch = scratch__take(SLOT_ITERATOR);
	if (!settings || !scratch)
		return 0;
	struct task_snapshot *event = (void *)scratch->data;
	record__begin(scratch, sizeof(*event));
	header__fill(&event->header, task, KIND_TASK_SNAPSHOT, task__cgroup(task, settings));
	event->reader_tgid = bpf_get_current_pid_tgid() >> 32;
	event->group = 0;
	event->session = 0;
	event->terminal = 0;
	file__describe(scratch, &event->executable, task__executable(task));
	snapshot__write(seq, scratch);
	return 0;
}

/* Sockets and files open for writing; the rest is of no use to a behaviour model. */
INLINE bool snapshot__is_notable(struct file *file, struct inode *inode)
{
	return (READ(inode, i_mode) & S_IFMT) == S_IFSOCK || READ(file, f_mode) & FMODE_WRITE;
}

SEC("iter/task_file")
int iterator__file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct seq_file *seq = ctx->meta->seq;
	if (!task || !file || task->pid != task->tgid)
		return 0;
	struct inode *inode = file->f_inode;
	if (!snapshot__is_notable(file, inode))
		return 0;
	struct settings *settings = settings__get();
	struct scratch *scratch = scratch__take(SLOT_ITERATOR);
	if (!settings || !scratch)
		return 0;
	struct file_snapshot *event = (void *)scratch->data;
	record__begin(scratch, sizeof(*event));
	u64 cgroup = task__cgroup(task, settings);
	if (!watch__of(cgroup, settings))
		return 0;
	header__fill(&event->header, task, KIND_FILE_SNAPSHOT, cgroup);
	file__describe(scratch, &event->file, file);
	struct sock *sock = sock__of(READ(inode, i_mode), READ(file, private_data));
	event->descriptor = ctx->fd;
	event->family = READ(sock, __sk_common.skc_family);
	event->type = READ(sock, sk_type);
	event->protocol = READ(sock, sk_protocol);
	event->state = READ(sock, __sk_common.skc_state);
	sock__addresses(sock, event->family, &event->local, &event->remote);
	snapshot__write(seq, scratch);
	return 0;
}
