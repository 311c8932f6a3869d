/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Which executable may run: the same answer for the killer and for BPF-LSM. */
#ifndef PALISADE_GUARD_H
#define PALISADE_GUARD_H

#include "helpers.h"

INLINE bool verdict__take(struct exec_verdict *to, const struct exec_verdict *from, u64 changed)
{
	if (!from || (from->changed && from->changed != changed))
		return false;
	*to = *from;
	return true;
}

/* By inode, first the container's own verdict, then the one for all; then what the container says
 * of files that its image did not bring. A file changed since its verdict has none. */
NOINLINE bool guard__decide(const struct watch *watch, u64 cgroup, struct inode *inode, struct dentry *dentry,
			    struct exec_verdict *verdict)
{
	struct super_block *super = READ(inode, i_sb);
	u64 changed = inode__changed(inode);
	struct exec_key key = { .cgroup = cgroup, .inode = READ(inode, i_ino), .device = READ(super, s_dev) };
	if (verdict__take(verdict, bpf_map_lookup_elem(&exec_verdicts, &key), changed))
		return true;
	key.cgroup = 0;
	if (verdict__take(verdict, bpf_map_lookup_elem(&exec_verdicts, &key), changed))
		return true;
	if (!(watch->flags & (WATCH_DENY_UPPER | WATCH_DENY_MEMFD)))
		return false;
	u32 flags = file__flags(inode, dentry, READ(super, s_magic), READ(inode, i_mode), 1);
	bool denied = (watch->flags & WATCH_DENY_UPPER && flags & FILE_UPPER) ||
		      (watch->flags & WATCH_DENY_MEMFD && flags & FILE_MEMFD);
	if (denied)
		verdict->effect = EFFECT_DENY;
	return denied;
}

INLINE void guard__by_default(const struct watch *watch, struct exec_verdict *verdict)
{
	if (watch->flags & WATCH_DENY_UNLISTED)
		verdict->effect = EFFECT_DENY;
}

/* At most so many bytes of a path are hashed: user space refuses longer ones in a policy. */
#define EXEC_HASHED 512

NOINLINE u64 path__hash(const u8 *bytes, u32 length)
{
	u64 hash = 0xcbf29ce484222325ULL;
	for (u32 i = 0; i < EXEC_HASHED; i++) {
		if (i >= length)
			break;
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	}
	return hash;
}

INLINE bool guard__by_hash(u64 cgroup, u64 hash, struct exec_verdict *verdict)
{
	struct exec_path_key key = { .cgroup = cgroup, .hash = hash };
	if (verdict__take(verdict, bpf_map_lookup_elem(&exec_path_verdicts, &key), 0))
		return true;
	key.cgroup = 0;
	return verdict__take(verdict, bpf_map_lookup_elem(&exec_path_verdicts, &key), 0);
}

INLINE bool task__in_host_mounts(struct task_struct *task, const struct settings *settings)
{
	struct nsproxy *proxy = READ(task, nsproxy);
	struct mnt_namespace *mounts = READ(proxy, mnt_ns);
	return READ(mounts, ns.inum) == settings->host_mount_namespace;
}

/* A runtime puts its own child into the container's cgroup before that child leaves the host's mounts:
 * it is not the container yet, and runs. A canary stays in the host's mounts. */
INLINE bool guard__refuses(const struct exec_verdict *verdict, const struct watch *watch,
			   const struct settings *settings, struct task_struct *task)
{
	if (verdict->effect == EFFECT_CANARY)
		return true;
	return verdict->effect == EFFECT_DENY &&
	       (watch == &settings->host || !task__in_host_mounts(task, settings));
}

INLINE void canary__count(u64 cgroup)
{
	u64 *count = bpf_map_lookup_elem(&canaries, &cgroup);
	if (count) {
		__sync_fetch_and_add(count, 1);
		return;
	}
	u64 one = 1;
	bpf_map_update_elem(&canaries, &cgroup, &one, BPF_NOEXIST);
}

#endif
