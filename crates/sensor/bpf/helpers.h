/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What every noun needs: who acts, is it watched, was it said already, and how a record is built. */
#ifndef PALISADE_HELPERS_H
#define PALISADE_HELPERS_H

#include "maps.h"

/* Set by the loader before the programs are verified, so that dead branches are dropped. */
const volatile u32 compat_syscalls = 1; /* the kernel runs 32-bit programs */

/* A Bloom filter of the sensitive names' first eight bytes: most opened files are told apart by it. */
const volatile u64 sensitive_starts[16] = {};

/* The verifier knows the type behind the current task, behind a tp_btf argument, and behind what is reached from
 * them by fields: a plain load, no helper, and zero where there is nothing. Not so behind a pointer that a helper
 * read. What the kernel marks as protected by RCU has to be asked whether it is NULL first: a kernel whose types
 * carry the marks (built with clang, or with GCC from 16) is loaded from in no other way (since 6.3). */
#ifdef RAW_TRACEPOINTS
#define FIELD(pointer, field) READ(pointer, field)
#define WORD(pointer, field) READ_WORD(pointer, field)
#define AT(type, pointer, offset)                                                              \
	({                                                                                     \
		type *at_ = NULL;                                                              \
		bpf_probe_read_kernel(&at_, sizeof(at_), (u8 *)(pointer) + (offset));           \
		at_;                                                                           \
	})
#else
#define FIELD(pointer, field) ((pointer)->field)
#define WORD(pointer, field) (*(u64 *)&(pointer)->field)
#define AT(type, pointer, offset) (*(type **)((u8 *)(pointer) + (offset)))
#endif

INLINE struct task_struct *task__current(void)
{
#ifdef RAW_TRACEPOINTS
	return (struct task_struct *)bpf_get_current_task();
#else
	return bpf_get_current_task_btf();
#endif
}

INLINE struct settings *settings__get(void)
{
	u32 zero = 0;
	return bpf_map_lookup_elem(&settings, &zero);
}

/* ---- cgroups ---- */

INLINE u64 cgroup__id(struct cgroup *cgroup)
{
	struct kernfs_node *node = FIELD(cgroup, kn);
	return FIELD(node, id);
}

/* On hosts without cgroup v2 every task is in the unified root: a v1 controller's cgroup is the key
 * there. The controllers' numbers depend on the kernel's configuration, so they are relocated. */
NOINLINE u64 cgroup__of_controller(struct task_struct *task, u32 key)
{
	u64 index = key == CGROUP_KEY_PIDS ? ENUM_VALUE(enum cgroup_subsys_id, pids_cgrp_id)
					   : ENUM_VALUE(enum cgroup_subsys_id, memory_cgrp_id);
	struct css_set *set = FIELD(task, cgroups);
	if (!set)
		return 0;
	struct cgroup_subsys_state *state =
		AT(struct cgroup_subsys_state, set, FIELD_OFFSET(struct css_set, subsys) + (index & 15) * sizeof(void *));
	return cgroup__id(FIELD(state, cgroup));
}

INLINE u64 task__cgroup(struct task_struct *task, const struct settings *settings)
{
	if (settings->cgroup_key != CGROUP_KEY_UNIFIED)
		return cgroup__of_controller(task, settings->cgroup_key);
	struct css_set *set = FIELD(task, cgroups);
	return set ? cgroup__id(FIELD(set, dfl_cgrp)) : 0;
}

/* ---- who is watched ---- */

INLINE struct watch *watch__of(u64 cgroup, struct settings *settings)
{
	struct watch *watch = bpf_map_lookup_elem(&watched, &cgroup);
	if (watch)
		return watch;
	return settings->mode == MODE_ALL ? &settings->host : NULL;
}

INLINE bool watch__wants(const struct watch *watch, u32 kind)
{
	return watch->kinds & (1ULL << (kind & 63));
}

/* The first thing that each program asks. The agent never reports itself: its reports would
 * make more of them. */
INLINE struct watch *watch__current(struct settings *settings, struct task_struct *current, u64 *cgroup)
{
	if (FIELD(current, tgid) == settings->self_tgid)
		return NULL;
	*cgroup = task__cgroup(current, settings);
	return watch__of(*cgroup, settings);
}

/* ---- losses ---- */

INLINE void loss__add(struct loss *loss, u64 now)
{
	if (!loss->count)
		loss->first = now;
	loss->count++;
	loss->last = now;
}

/* Law 7: every drop is counted, by kind and place. */
NOINLINE void loss__count(u32 kind, u64 cgroup, u32 reason)
{
	struct loss_key key = { .cgroup = cgroup, .kind = kind, .reason = reason };
	u64 now = bpf_ktime_get_boot_ns();
	struct loss *loss = bpf_map_lookup_elem(&losses, &key);
	if (loss) {
		loss__add(loss, now);
		return;
	}
	struct loss first = { .count = 1, .first = now, .last = now };
	if (!bpf_map_update_elem(&losses, &key, &first, BPF_NOEXIST))
		return;
	u32 index = kind & 63;
	loss = bpf_map_lookup_elem(&losses_by_kind, &index);
	if (loss)
		loss__add(loss, now);
}

/* ---- said already, or too often ---- */

/* True if this is to be reported, at most `burst` times in a window; `*suppressed` then says how many like
 * it were not. */
NOINLINE bool seen__is_new(const struct seen_key *key, u64 window, u32 burst, u64 *suppressed)
{
	u64 now = bpf_ktime_get_boot_ns();
	struct seen *seen_before = bpf_map_lookup_elem(&seen, key);
	*suppressed = 0;
	if (seen_before && now - seen_before->time < window) {
		if (seen_before->told < burst) {
			__sync_fetch_and_add(&seen_before->told, 1);
			return true;
		}
		__sync_fetch_and_add(&seen_before->suppressed, 1);
		return false;
	}
	*suppressed = seen_before ? seen_before->suppressed : 0;
	struct seen first = { .time = now, .told = 1 };
	bpf_map_update_elem(&seen, key, &first, BPF_ANY);
	return true;
}

/* A flood in one container takes only its own share of the ring. Racing processors can let a few
 * more through: the limit is a shield, not a promise. */
NOINLINE bool rate__allows(u32 kind, u64 cgroup, u64 limit)
{
	struct rate_key key = { .cgroup = cgroup, .kind = kind };
	u64 second = bpf_ktime_get_boot_ns() / 1000000000;
	struct rate *rate = bpf_map_lookup_elem(&rates, &key);
	if (!rate) {
		struct rate first = { .second = second, .count = 1 };
		bpf_map_update_elem(&rates, &key, &first, BPF_ANY);
		return true;
	}
	if (rate->second != second) {
		rate->second = second;
		rate->count = 0;
	}
	__sync_fetch_and_add(&rate->count, 1);
	if (rate->count <= limit)
		return true;
	loss__count(kind, cgroup, LOSS_RATE);
	return false;
}

INLINE bool rate__passes(const struct settings *settings, u32 kind, u64 cgroup)
{
	return !settings->rate_limit || rate__allows(kind, cgroup, settings->rate_limit);
}

/* ---- the actor ---- */

INLINE u32 namespace__of_pid(struct pid *pid, u32 *inner)
{
	u32 level = FIELD(pid, level) & 31; /* MAX_PID_NS_LEVEL is 32 */
	struct upid upid = {};
	bpf_probe_read_kernel(&upid, sizeof(upid),
			      (u8 *)pid + FIELD_OFFSET(struct pid, numbers) + level * sizeof(upid));
	*inner = upid.nr;
	struct pid_namespace *namespace = upid.ns;
	return READ(namespace, ns.inum);
}

NOINLINE void header__namespaces(struct event_header *header, struct task_struct *task,
				 const struct cred *cred)
{
	struct nsproxy *proxy = FIELD(task, nsproxy); /* NULL late in exit: zeros */
	struct mnt_namespace *mounts = FIELD(proxy, mnt_ns);
	struct net *net = FIELD(proxy, net_ns);
	header->mount_namespace = FIELD(mounts, ns.inum);
	header->network_namespace = FIELD(net, ns.inum);
	header->user_namespace = 0;
	if (cred) {
		struct user_namespace *users = FIELD(cred, user_ns);
		header->user_namespace = FIELD(users, ns.inum);
	}
	struct task_struct *leader = FIELD(task, group_leader);
	u32 inner = 0;
	header->pid_namespace = namespace__of_pid(FIELD(leader, thread_pid), &inner);
	header->inner_tgid = inner;
}

INLINE void header__credentials(struct event_header *header, const struct cred *cred)
{
	header->uid = cred ? FIELD(cred, uid.val) : (u32)-1;
	header->gid = cred ? FIELD(cred, gid.val) : (u32)-1;
	header->euid = cred ? FIELD(cred, euid.val) : (u32)-1;
	header->egid = cred ? FIELD(cred, egid.val) : (u32)-1;
	header->capabilities = cred ? WORD(cred, cap_effective) : 0;
}

INLINE void header__parent(struct event_header *header, struct task_struct *leader)
{
	struct task_struct *parent = FIELD(leader, real_parent);
	header->parent_tgid = 0;
	header->parent_start = 0;
	if (!parent)
		return;
	header->parent_tgid = FIELD(parent, tgid);
	struct task_struct *parent_leader = FIELD(parent, group_leader);
	if (parent_leader)
		header->parent_start = FIELD(parent_leader, start_boottime);
}

/* `size` and `sequence` are set when the record is sent. */
NOINLINE void header__fill(struct event_header *header, struct task_struct *task, u32 kind, u64 cgroup)
{
	header->version = ABI_VERSION;
	header->kind = kind;
	header->time = bpf_ktime_get_boot_ns();
	header->cpu = bpf_get_smp_processor_id();
	header->flags = 0;
	header->tgid = FIELD(task, tgid);
	header->tid = FIELD(task, pid);
	header->cgroup = cgroup;
	struct task_struct *leader = FIELD(task, group_leader);
	header->start = FIELD(leader, start_boottime);
	header__parent(header, leader);
	const struct cred *cred = FIELD(task, cred);
	header__credentials(header, cred);
	u64 *name = (u64 *)header->name;
	name[0] = WORD(task, comm[0]);
	name[1] = WORD(task, comm[8]);
	header__namespaces(header, task, cred);
}

INLINE struct file *task__executable(struct task_struct *task)
{
	struct mm_struct *mm = FIELD(task, mm);
	return mm ? FIELD(mm, exe_file) : NULL;
}

/* Who acts, as far as two acts are one act twice: the same program as the same user. */
INLINE void actor__fill(struct seen_key *key, struct task_struct *task)
{
	struct file *file = task__executable(task);
	const struct cred *cred = FIELD(task, cred);
	key->user = cred ? FIELD(cred, euid.val) : (u32)-1;
	if (!file)
		return;
	struct inode *inode = FIELD(file, f_inode);
	struct super_block *super = FIELD(inode, i_sb);
	key->actor = FIELD(inode, i_ino);
	key->device = FIELD(super, s_dev);
}

/* ---- records ---- */

INLINE struct scratch *scratch__take(u32 slot)
{
	return bpf_map_lookup_elem(&scratches, &slot);
}

/* Starts a record whose fixed part is `fixed` bytes. The part is not cleared: every program sets
 * each field of it. */
INLINE void record__begin(struct scratch *scratch, u32 fixed)
{
	scratch->end = fixed;
	scratch->truncated = 0;
}

INLINE u32 record__end(const struct scratch *scratch)
{
	u32 end = scratch->end;
	return end > SCRATCH_LIMIT ? SCRATCH_LIMIT : end;
}

INLINE u64 sequence__next(void)
{
	u32 zero = 0;
	u64 *sequence = bpf_map_lookup_elem(&sequences, &zero);
	if (!sequence)
		return 0;
	__sync_fetch_and_add(sequence, 1);
	return *sequence;
}

NOINLINE long record__send(struct scratch *scratch)
{
	struct event_header *header = (void *)scratch->data;
	u32 size = (record__end(scratch) + 7) & ~7u;
	BARRIER(size);
	if (size > SCRATCH_BYTES)
		size = SCRATCH_BYTES;
	header->size = size;
	header->sequence = sequence__next();
	if (scratch->truncated)
		header->flags |= EVENT_TRUNCATED;
	if (bpf_ringbuf_output(&events, scratch->data, size, 0))
		loss__count(header->kind, header->cgroup, LOSS_RING_FULL);
	return 0;
}

/* A record of fixed size, built in the ring itself: for programs that can be preempted or run in
 * an interrupt and so must not share scratch space. */
INLINE void *record__reserve(u64 size, u32 kind, u64 cgroup)
{
	void *record = bpf_ringbuf_reserve(&events, size, 0);
	if (!record) {
		sequence__next();
		loss__count(kind, cgroup, LOSS_RING_FULL);
	}
	return record;
}

INLINE void record__submit(void *record, u32 size, u64 flags)
{
	struct event_header *header = record;
	header->size = size;
	header->sequence = sequence__next();
	bpf_ringbuf_submit(record, flags);
}

/* ---- texts ---- */

INLINE void text__clear(struct text *text)
{
	text->offset = 0;
	text->length = 0;
}

/* A text begins where the one before ended, and none is written over another. */
INLINE bool text__has_room(struct scratch *scratch, struct text *text)
{
	if (scratch->end <= SCRATCH_LIMIT)
		return true;
	text->offset = 0;
	text->length = TEXT_CUT;
	scratch->truncated = 1;
	return false;
}

/* `copied` counts the NUL, as the string helpers do. */
INLINE void text__accept(struct scratch *scratch, struct text *text, u32 start, long copied, u32 bound)
{
	text->offset = start;
	text->length = 0;
	if (copied <= 1)
		return;
	if (copied > bound)
		copied = bound;
	text->length = copied - 1;
	if (copied == bound) {
		text->length |= TEXT_CUT;
		scratch->truncated = 1;
	}
	scratch->end = start + copied - 1;
}

#define NAME_BYTES 4096 /* PATH_MAX, with the NUL */

NOINLINE void text__kernel_string(struct scratch *scratch, struct text *text, const void *from)
{
	if (!text__has_room(scratch, text))
		return;
	u32 start = record__end(scratch);
	long copied = bpf_probe_read_kernel_str(&scratch->data[start], NAME_BYTES, from);
	text__accept(scratch, text, start, copied, NAME_BYTES);
}

NOINLINE void text__user_string(struct scratch *scratch, struct text *text, const void *from)
{
	if (!text__has_room(scratch, text))
		return;
	u32 start = record__end(scratch);
	long copied = bpf_probe_read_user_str(&scratch->data[start], NAME_BYTES, from);
	text__accept(scratch, text, start, copied, NAME_BYTES);
}

/* Bytes of user memory with NULs in between: arguments. */
NOINLINE void text__user_bytes(struct scratch *scratch, struct text *text, const void *from, u64 bytes)
{
	if (!text__has_room(scratch, text))
		return;
	u32 start = record__end(scratch);
	text->offset = start;
	text->length = 0;
	if (bytes > TEXT_MAX - 1) {
		bytes = TEXT_MAX - 1;
		scratch->truncated = 1;
	}
	u32 length = bytes & (TEXT_MAX - 1);
	BARRIER(length);
	length &= TEXT_MAX - 1;
	if (!length || bpf_probe_read_user(&scratch->data[start], length, from))
		return;
	text->length = length;
	scratch->end = start + length;
}

/* ---- paths ---- */

#define PATH_DEPTH 40
#define PATH_BYTES 2048     /* beyond, it is cut: what is told behind it must find room too */
#define COMPONENT_BYTES 256 /* NAME_MAX and its NUL */

INLINE struct mount *mount__of(struct vfsmount *mount)
{
	return (struct mount *)((u8 *)mount - FIELD_OFFSET(struct mount, mnt));
}

INLINE bool dentry__unhashed(struct dentry *dentry)
{
	struct hlist_bl_node **previous = READ(dentry, d_hash.pprev);
	return !previous;
}

INLINE void path__begin(struct scratch *scratch, struct path_text *path)
{
	path->offset = record__end(scratch);
	path->length = 0;
	path->flags = 0;
	path->components = 0;
}

/* One component, with its NUL. False when there is no room. */
INLINE bool path__component(struct scratch *scratch, struct path_text *path, struct dentry *dentry)
{
	u32 start = record__end(scratch);
	const u8 *name = READ(dentry, d_name.name);
	long copied = bpf_probe_read_kernel_str(&scratch->data[start], COMPONENT_BYTES, name);
	/* A file system of FUSE can have longer names than others: one of 255 bytes is the whole of itself. */
	bool cut = copied == COMPONENT_BYTES && READ(dentry, d_name.len) >= COMPONENT_BYTES;
	if (start >= SCRATCH_LIMIT || start - path->offset > PATH_BYTES || copied <= 0 || cut) {
		path->flags |= PATH_TRUNCATED;
		return false;
	}
	scratch->end = start + (copied & 511);
	path->components++;
	return true;
}

/* Walks from a dentry to the root of its mount namespace, through mounts. The kernel's own names:
 * nothing that user space can change between check and use. RCU keeps the objects readable; a rename
 * under way can give a mixed path, never a fault (d_path takes rename_lock for that, we cannot). */
NOINLINE void path__append(struct scratch *scratch, struct path_text *path, struct dentry *dentry,
			   struct vfsmount *vfsmount)
{
	path__begin(scratch, path);
	if (!dentry)
		return;
	struct mount *mount = mount__of(vfsmount);
	struct dentry *root = READ(vfsmount, mnt_root);
	struct dentry *parent = READ(dentry, d_parent);
	if (dentry == parent && dentry != root) {
		path->flags = PATH_PSEUDO;
		path__component(scratch, path, dentry);
		goto done;
	}
	if (dentry != root && dentry__unhashed(dentry))
		path->flags = PATH_UNHASHED;
	for (int depth = 0; depth < PATH_DEPTH; depth++) {
		if (dentry == root || dentry == parent) {
			struct mount *above = READ(mount, mnt_parent);
			if (above == mount || !above) {
				path->flags |= PATH_COMPLETE;
				goto done;
			}
			dentry = READ(mount, mnt_mountpoint);
			mount = above;
			root = READ(mount, mnt.mnt_root);
		} else {
			if (!path__component(scratch, path, dentry))
				goto done;
			dentry = parent;
		}
		parent = READ(dentry, d_parent);
	}
	path->flags |= PATH_TRUNCATED;
done:
	if (path->flags & PATH_TRUNCATED)
		scratch->truncated = 1;
	path->length = record__end(scratch) - path->offset;
}

INLINE void path__of(struct scratch *scratch, struct path_text *text, struct path *path)
{
	path__append(scratch, text, READ(path, dentry), READ(path, mnt));
}

INLINE void path__clear(struct path_text *path)
{
	path->offset = 0;
	path->length = 0;
	path->flags = 0;
	path->components = 0;
}

/* ---- files ---- */

/* The beginnings of an open file and of an inode: one copy costs what one field does. */
#define FILE_START 96
#define INODE_START 88

typedef u64 file_copy[FILE_START / 8];
typedef u64 inode_copy[INODE_START / 8];

INLINE u64 nanoseconds(s64 seconds, u64 rest)
{
	return seconds < 0 ? 0 : (u64)seconds * 1000000000 + rest;
}

/* Since 6.13 the highest bit says that somebody asked for the time: I_CTIME_QUERIED, 4e40eff0b573. */
#define CTIME_NANOSECONDS 0x7fffffff

INLINE u64 inode__changed(struct inode *inode)
{
	if (FIELD_EXISTS(struct inode, i_ctime_sec))
		return nanoseconds(READ(inode, i_ctime_sec), READ(inode, i_ctime_nsec) & CTIME_NANOSECONDS);
	if (FIELD_EXISTS(struct inode___6_7, __i_ctime)) {
		struct inode___6_7 *old = (void *)inode;
		struct timespec64 time = READ(old, __i_ctime);
		return nanoseconds(time.tv_sec, time.tv_nsec);
	}
	struct inode___5_8 *old = (void *)inode;
	struct timespec64 time = READ(old, i_ctime);
	return nanoseconds(time.tv_sec, time.tv_nsec);
}

INLINE u64 inode__modified(struct inode *inode)
{
	if (FIELD_EXISTS(struct inode, i_mtime_sec))
		return nanoseconds(READ(inode, i_mtime_sec), READ(inode, i_mtime_nsec));
	if (FIELD_EXISTS(struct inode___6_7, __i_mtime)) {
		struct inode___6_7 *old = (void *)inode;
		struct timespec64 time = READ(old, __i_mtime);
		return nanoseconds(time.tv_sec, time.tv_nsec);
	}
	struct inode___5_8 *old = (void *)inode;
	struct timespec64 time = READ(old, i_mtime);
	return nanoseconds(time.tv_sec, time.tv_nsec);
}

/* overlayfs embeds the inode in `struct ovl_inode`, and `__upperdentry` follows it in every version
 * since 4.19. The type itself is in a module's BTF on most kernels, out of reach of relocation, so
 * the place is found by the size of `struct inode`. */
INLINE bool inode__in_upper_layer(struct inode *inode)
{
	struct dentry *upper = NULL;
	bpf_probe_read_kernel(&upper, sizeof(upper), (u8 *)inode + TYPE_SIZE(struct inode));
	return upper && READ(upper, d_inode);
}

/* The first eight bytes of a memory file's name. */
#define MEMFD_PREFIX 0x3a64666d656dULL /* "memfd:" */

INLINE bool dentry__is_memfd(struct dentry *dentry)
{
	const u8 *name = READ(dentry, d_name.name);
	u64 start = 0;
	bpf_probe_read_kernel(&start, 6, name);
	return start == MEMFD_PREFIX;
}

INLINE u32 file__flags(struct inode *inode, struct dentry *dentry, u64 magic, u32 mode, u32 links)
{
	u32 flags = 0;
	if (magic == OVERLAYFS_MAGIC) {
		flags |= FILE_OVERLAY;
		if (inode__in_upper_layer(inode))
			flags |= FILE_UPPER;
	}
	if (magic == TMPFS_MAGIC && dentry__is_memfd(dentry))
		flags |= FILE_MEMFD;
	if (!links)
		flags |= FILE_UNLINKED;
	if ((mode & S_IFMT) == S_IFSOCK)
		flags |= FILE_SOCKET;
	return flags;
}

NOINLINE void inode__describe(struct file_ref *ref, struct inode *inode, struct dentry *dentry)
{
	inode_copy copy = {};
	bpf_probe_read_kernel(copy, sizeof(copy), inode);
	struct super_block *super = READ_FROM(&copy, inode, struct inode, i_sb);
	ref->inode = READ_FROM(&copy, inode, struct inode, i_ino);
	ref->size = READ_FROM(&copy, inode, struct inode, i_size);
	ref->changed = inode__changed(inode);
	ref->modified = inode__modified(inode);
	ref->device = READ(super, s_dev);
	ref->mode = READ_FROM(&copy, inode, struct inode, i_mode);
	ref->uid = READ_FROM(&copy, inode, struct inode, i_uid.val);
	ref->gid = READ_FROM(&copy, inode, struct inode, i_gid.val);
	u64 magic = READ(super, s_magic);
	ref->filesystem = magic;
	u32 links = READ_FROM(&copy, inode, struct inode, i_nlink);
	ref->flags = file__flags(inode, dentry, magic, ref->mode, links);
}

INLINE void file__clear(struct file_ref *ref)
{
	__builtin_memset(ref, 0, sizeof(*ref));
}

/* Everything of an open file; zeros for none. */
INLINE void file__describe(struct scratch *scratch, struct file_ref *ref, struct file *file)
{
	if (!file) {
		file__clear(ref);
		return;
	}
	struct dentry *dentry = READ(file, f_path.dentry);
	inode__describe(ref, READ(file, f_inode), dentry);
	path__append(scratch, &ref->path, dentry, READ(file, f_path.mnt));
}

/* ---- sockets ---- */

INLINE struct destination *destination__place(u64 thread)
{
	u32 place = (u32)thread & (DESTINATIONS - 1);
	return bpf_map_lookup_elem(&destinations, &place);
}

/* What the cgroup hook kept for a thread, until its `thread` is set to none. */
INLINE struct destination *destination__of(u64 thread)
{
	struct destination *kept = destination__place(thread);
	if (kept && kept->thread == thread)
		return kept;
	kept = bpf_map_lookup_elem(&destinations_more, &thread);
	return kept && kept->thread ? kept : NULL;
}

/* NULL where the file is none. */
INLINE struct sock *sock__of(u16 mode, struct socket *socket)
{
	return (mode & S_IFMT) == S_IFSOCK ? READ(socket, sk) : NULL;
}

INLINE void address__clear(struct socket_address *address)
{
	__builtin_memset(address, 0, sizeof(*address));
}

INLINE void address__ipv4(struct socket_address *address, u32 ip)
{
	__builtin_memcpy(address->address, &ip, sizeof(ip));
}

#define SOCK_START 96

typedef u64 sock_copy[SOCK_START / 8];

/* `copy`: the beginning of the socket. */
INLINE void sock__addresses_from(struct sock *sock, const sock_copy *copy, u16 family, struct socket_address *local,
				 struct socket_address *remote)
{
	address__clear(local);
	address__clear(remote);
	if (family != AF_INET && family != AF_INET6)
		return;
	local->family = family;
	local->port = READ_FROM(copy, sock, struct sock, __sk_common.skc_num);
	remote->port = swap16(READ_FROM(copy, sock, struct sock, __sk_common.skc_dport));
	if (family == AF_INET) {
		address__ipv4(local, READ_FROM(copy, sock, struct sock, __sk_common.skc_rcv_saddr));
		u32 ip = READ_FROM(copy, sock, struct sock, __sk_common.skc_daddr);
		address__ipv4(remote, ip);
		remote->family = ip || remote->port ? AF_INET : 0;
		return;
	}
	bpf_probe_read_kernel(local->address, 16, &sock->__sk_common.skc_v6_rcv_saddr);
	bpf_probe_read_kernel(remote->address, 16, &sock->__sk_common.skc_v6_daddr);
	remote->family = remote->port ? AF_INET6 : 0;
}

NOINLINE void sock__addresses(struct sock *sock, u16 family, struct socket_address *local,
			      struct socket_address *remote)
{
	sock_copy copy = {};
	bpf_probe_read_kernel(copy, sizeof(copy), sock);
	sock__addresses_from(sock, &copy, family, local, remote);
}

#endif
