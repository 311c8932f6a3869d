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
NOINLINE bool guard__decide(const struct watch *watch, struct inode *inode, struct dentry *dentry,
			    struct exec_verdict *verdict)
{
	struct super_block *super = READ(inode, i_sb);
	u64 changed = inode__changed(inode);
	struct exec_key key = { .cgroup = watch->id, .inode = READ(inode, i_ino), .device = READ(super, s_dev) };
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

/* At most so many bytes of a path are hashed: user space refuses longer ones in a policy, and a longer one
 * here has no verdict by its path. */
#define EXEC_HASHED 512

#define ROTATE(value, bits) ((value) << (bits) | (value) >> (64 - (bits)))

struct siphash {
	u64 v0, v1, v2, v3;
};

INLINE void siphash__round(struct siphash *state)
{
	state->v0 += state->v1;
	state->v1 = ROTATE(state->v1, 13) ^ state->v0;
	state->v0 = ROTATE(state->v0, 32);
	state->v2 += state->v3;
	state->v3 = ROTATE(state->v3, 16) ^ state->v2;
	state->v0 += state->v3;
	state->v3 = ROTATE(state->v3, 21) ^ state->v0;
	state->v2 += state->v1;
	state->v1 = ROTATE(state->v1, 17) ^ state->v2;
	state->v2 = ROTATE(state->v2, 32);
}

INLINE void siphash__word(struct siphash *state, u64 word)
{
	state->v3 ^= word;
	siphash__round(state);
	siphash__round(state);
	state->v0 ^= word;
}

/* SipHash-2-4 with 128 bits (Aumasson and Bernstein, 2012): without the key, nobody finds a name that
 * collides with a listed one but by trying here, 2^128 over what is listed. `bytes` are readable for EXEC_HASHED and eight more: of the
 * last word, what lies behind the name is masked. */
NOINLINE void path__hash(const struct settings *settings, const u8 *bytes, u32 length, u64 *hash)
{
	u64 key0 = settings->hash_key[0], key1 = settings->hash_key[1];
	struct siphash state = {
		.v0 = 0x736f6d6570736575ULL ^ key0,
		.v1 = 0x646f72616e646f6dULL ^ key1 ^ 0xee,
		.v2 = 0x6c7967656e657261ULL ^ key0,
		.v3 = 0x7465646279746573ULL ^ key1,
	};
	u64 last = (u64)length << 56;
	for (u32 i = 0; i <= EXEC_HASHED; i += 8) {
		u64 word = *(const u64 *)(bytes + i);
		if (i + 8 > length) {
			last |= word & ((1ULL << (length % 8 * 8)) - 1);
			break;
		}
		siphash__word(&state, word);
	}
	siphash__word(&state, last);
	state.v2 ^= 0xee;
	for (int i = 0; i < 4; i++)
		siphash__round(&state);
	hash[0] = state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
	state.v1 ^= 0xdd;
	for (int i = 0; i < 4; i++)
		siphash__round(&state);
	hash[1] = state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

/* A path of which a part is missing could be any, and one without a directory (a memory file) is none. */
INLINE bool path__is_whole(u32 flags, u32 length)
{
	return flags & PATH_COMPLETE && !(flags & (PATH_TRUNCATED | PATH_PSEUDO)) && length <= EXEC_HASHED;
}

INLINE bool guard__by_hash(u64 container, const u64 *hash, struct exec_verdict *verdict)
{
	struct exec_path_key key = { .cgroup = container, .hash = { hash[0], hash[1] } };
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
