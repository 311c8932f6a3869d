/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The maps that every program shares. */
#ifndef PALISADE_MAPS_H
#define PALISADE_MAPS_H

#include "kernel.h"
#include "abi.h"

/* A BTF-described map: the loader reads sizes from the types. */
#define MAP(name, kind, entries, key_type, value_type)                                         \
	struct {                                                                               \
		int(*type)[kind];                                                              \
		int(*max_entries)[entries];                                                    \
		key_type *key;                                                                 \
		value_type *value;                                                             \
	} name SEC(".maps")

#define RING_BYTES (8 * 1024 * 1024) /* the loader sets the configured size */
#define SYSCALLS 512                 /* native tables end at 470 or so in 6.18 */

struct {
	int(*type)[MAP_RING];
	int(*max_entries)[RING_BYTES];
} events SEC(".maps");

MAP(settings, MAP_ARRAY, 1, u32, struct settings);

/* cgroup id -> container. cgroup.bpf.c keeps children in it, so one exact look-up is enough. */
MAP(watched, MAP_HASH, 16384, u64, struct watch);

/* Build space, one slot for each attached program (enum slot). A program never runs inside itself
 * on one processor (bpf_prog->active, since 4.18 for raw tracepoints), and a slot is only ever used
 * by one, so that nothing can write over a half-built record: not an interrupt's program either. */
enum slot {
	SLOT_FORK,
	SLOT_EXEC,
	SLOT_EXIT,
	SLOT_SYSCALL,
	SLOT_CGROUP,
	SLOT_ITERATOR,
	SLOT_GUARD,
	SLOTS,
};

/* Texts may start below SCRATCH_LIMIT and are at most TEXT_MAX long. */
#define SCRATCH_LIMIT 20480
#define TEXT_MAX 4096
#define SCRATCH_BYTES (SCRATCH_LIMIT + TEXT_MAX)

struct scratch {
	u8 data[SCRATCH_BYTES];
	u32 end;
	u32 truncated;
};

MAP(scratches, MAP_PERCPU_ARRAY, SLOTS, u32, struct scratch);

MAP(sequences, MAP_PERCPU_ARRAY, 1, u32, u64);

/* Deduplication: who did what to which file lately. */
struct seen_key {
	u64 cgroup;
	u64 actor;  /* inode of the executable */
	u64 object[2];
	u64 detail; /* device and kind, or port and address */
	u32 device; /* of the executable */
	u32 user;   /* effective */
};

struct seen {
	u64 time;
	u64 suppressed;
	u64 told; /* in this window */
};

MAP(seen, MAP_LRU_HASH, 65536, struct seen_key, struct seen);

struct rate_key {
	u64 cgroup;
	u64 kind;
};

struct rate {
	u64 second;
	u64 count;
};

MAP(rates, MAP_LRU_HASH, 16384, struct rate_key, struct rate);

MAP(losses, MAP_PERCPU_HASH, 8192, struct loss_key, struct loss);

/* Where `losses` itself was full: by kind only. */
MAP(losses_by_kind, MAP_PERCPU_ARRAY, 64, u32, struct loss);

/* Leaf names worth a report when opened for reading only (shadow, id_rsa, environ, mem, ...). */
MAP(sensitive_names, MAP_HASH, 1024, struct leaf_key, u32);

MAP(exec_verdicts, MAP_HASH, 65536, struct exec_key, struct exec_verdict);
MAP(exec_path_verdicts, MAP_HASH, 16384, struct exec_path_key, struct exec_verdict);

/* How many canaries were stopped, by cgroup. */
MAP(canaries, MAP_HASH, 4096, u64, u64);

struct {
	int(*type)[MAP_LPM_TRIE];
	int(*max_entries)[65536];
	int(*map_flags)[BPF_F_NO_PREALLOC];
	struct net_key *key;
	struct net_verdict *value;
} net_verdicts SEC(".maps");

/* The kernel's copy of the address that a task is about to connect or send to: kept by the cgroup
 * hooks for the program at the end of the system call. */
struct destination {
	struct socket_address remote;
	u64 thread;
	u64 cookie;
	u32 verdict;
	u32 pad;
};

/* Each thread has a place by its number, which costs no look-up; where another thread is in it, the place is in
 * the map. */
#define DESTINATIONS 16384 /* a power of two */

MAP(destinations, MAP_ARRAY, DESTINATIONS, u32, struct destination);
MAP(destinations_more, MAP_LRU_HASH, 8192, u64, struct destination);

/* Who talks to a name server by which socket: its packets are seen where no process is. */
struct owner {
	u64 start;
	u32 tgid;
	u32 pad;
};

MAP(owners, MAP_LRU_HASH, 8192, u64, struct owner);

#endif
