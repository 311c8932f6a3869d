/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* open, openat, openat2, creat, open_by_handle_at: told from the open file itself, which the kernel
 * holds, and not from the name that user space gave. */
#include "syscall.h"

/* The first eight bytes of a name; what is behind its end does not count. */
INLINE bool name__may_be_sensitive(u64 start)
{
	u64 ends = (start - 0x0101010101010101ULL) & ~start & 0x8080808080808080ULL;
	if (ends)
		start &= ((ends & -ends) >> 7) - 1;
	u64 place = start * 0x9e3779b97f4a7c15ULL >> 54;
	return sensitive_starts[place >> 6 & 15] >> (place & 63) & 1;
}

/* The beginning of a directory entry: what every open asks of it. */
#define ENTRY_START 64

/* Where an entry keeps a short name. */
INLINE u32 entry__short_name(void)
{
	if (FIELD_EXISTS(struct dentry___6_14, d_shortname))
		return FIELD_OFFSET(struct dentry___6_14, d_shortname);
	return FIELD_EXISTS(struct dentry, d_iname) ? FIELD_OFFSET(struct dentry, d_iname) : ENTRY_START;
}

INLINE bool open__is_sensitive(struct dentry *dentry)
{
	u64 copy[ENTRY_START / 8];
	if (bpf_probe_read_kernel(copy, sizeof(copy), dentry))
		return false;
	const u8 *name = READ_FROM(&copy, dentry, struct dentry, d_name.name);
	u32 at = entry__short_name();
	u64 start = 0;
	if (name == (u8 *)dentry + at && at + sizeof(start) <= sizeof(copy))
		start = *(u64 *)((u8 *)copy + at);
	else
		bpf_probe_read_kernel(&start, sizeof(start), name);
	if (!name__may_be_sensitive(start))
		return false;
	struct leaf_key key = {};
	if (bpf_probe_read_kernel_str(&key.name, sizeof(key.name), name) <= 0)
		return false;
	return bpf_map_lookup_elem(&sensitive_names, &key);
}

/* null, zero, full, random, urandom (1:3 to 1:9) and terminals (5:*, 136:* to 143:*): written to all day
 * by everything. Other devices (kmsg, mem, disks) are reported. */
INLINE bool open__is_plain_device(struct file *file)
{
	struct inode *inode = READ(file, f_inode);
	if ((READ(inode, i_mode) & S_IFMT) != S_IFCHR)
		return false;
	u32 device = READ(inode, i_rdev), major = device >> 20, minor = device & 0xfffff;
	return (major == 1 && minor >= 3 && minor <= 9 && minor != 4) || major == 5 || (major >= 136 && major <= 143);
}

/* Reading is the flood: it is reported for chosen names, or where a container's policy wants all. */
INLINE u32 open__kind(const struct call *call, struct file *file)
{
	file_copy copy;
	if (bpf_probe_read_kernel(copy, sizeof(copy), file))
		return 0;
	u32 mode = READ_FROM(&copy, file, struct file, f_mode);
	if (mode & FMODE_CREATED)
		return KIND_FILE_CREATE;
	if (mode & FMODE_WRITE || call->watch->flags & WATCH_READS)
		return KIND_FILE_OPEN;
	struct dentry *dentry = READ_FROM(&copy, file, struct file, f_path.dentry);
	return open__is_sensitive(dentry) ? KIND_FILE_OPEN : 0;
}

/* Who opened which inode how: two executables, or reading and writing, are two events. */
INLINE bool open__is_new(const struct call *call, struct file *file, u32 kind, u64 *suppressed)
{
	struct inode *inode = READ(file, f_inode);
	struct super_block *super = READ(inode, i_sb);
	struct seen_key key = {
		.object = { READ(inode, i_ino) },
		.detail = (u64)READ(super, s_dev) << 16 | kind << 8 | (READ(file, f_mode) & FMODE_WRITE),
	};
	actor__fill(&key, call->task);
	return call__is_new(call, &key, 1, suppressed);
}

SYSCALL_PROGRAM
int file__open(u64 *ctx)
{
	struct call call = {};
	if (!call__read(&call, ctx) || call.result < 0)
		return 0;
	struct file *file = file__of_descriptor(call.task, call.result);
	if (!file)
		return 0;
	u32 kind = open__kind(&call, file);
	if (!kind || !watch__wants(call.watch, kind) || open__is_plain_device(file))
		return 0;
	u64 suppressed = 0;
	if (!open__is_new(&call, file, kind, &suppressed))
		return 0;
	struct scratch *scratch = scratch__take(SLOT_SYSCALL);
	if (!scratch)
		return 0;
	struct file_event *event = (void *)scratch->data;
	record__begin(scratch, sizeof(*event));
	header__fill(&event->header, call.task, kind, call.cgroup);
	event->header.flags = call.flags | EVENT_OPENED;
	event->result = call.result;
	event->suppressed = suppressed;
	event->open_flags = READ(file, f_flags);
	event->syscall = call.number;
	file__describe(scratch, &event->file, file);
	return record__send(scratch);
}
