/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What the kernel side says to the Rust side, byte for byte.
 *
 * Version 1. Little endian, natural alignment, no hidden padding: src/layout.rs has the same structs;
 * layout.h says every size and offset, which the C compiler and a Rust test both check. A field is never
 * moved or given another meaning: VERSION goes up and the decoder keeps reading the old one.
 *
 * A record is `struct event_header`, the kind's fixed part, then bytes that `struct text` and
 * `struct path_text` point into by offset from the record's start.
 */
#ifndef PALISADE_ABI_H
#define PALISADE_ABI_H

#define ABI_VERSION 1

/* The numbers of palisade_model::event::Kind; from 40 on, what is no event of the model. Below 64, so
 * that a watched container chooses its kinds with one 64-bit mask. */
enum event_kind {
	KIND_FORK = 0,
	KIND_EXEC = 1,
	KIND_EXIT = 2,
	KIND_FILE_OPEN = 3,
	KIND_FILE_CREATE = 4,
	KIND_FILE_RENAME = 5,
	KIND_FILE_LINK = 6,
	KIND_FILE_UNLINK = 7,
	KIND_FILE_MODE = 8,
	KIND_FILE_OWNER = 9,
	KIND_FILE_TIMES = 10,
	KIND_FILE_TRUNCATE = 11,
	KIND_MOUNT = 12,
	KIND_PTRACE = 13,
	KIND_PROCESS_MEMORY = 14,
	KIND_NAMESPACE = 15,
	KIND_CREDENTIALS = 16,
	KIND_CAPABILITIES = 17,
	KIND_MODULE = 18,
	KIND_BPF = 19,
	KIND_MEMFD = 20,
	KIND_CONNECT = 21,
	KIND_ACCEPT = 22,
	KIND_BIND = 23,
	KIND_LISTEN = 24,
	KIND_SEND = 25,
	KIND_DNS_QUESTION = 26,
	KIND_DNS_ANSWER = 27,
	KIND_SOCKET = 28,
	KIND_SIGNAL = 29,
	KIND_IO_URING = 30,
	KIND_CGROUP = 40,
	KIND_TASK_SNAPSHOT = 41,
	KIND_FILE_SNAPSHOT = 42,
	KIND_CALL = 43,            /* other notable calls: xattr, chroot, perf_event_open, userfaultfd, ... */
	KIND_SEQUENCE = 44,        /* three calls in a row that a program had not made in its container */
};

enum event_flag {
	EVENT_NO_TASK = 1 << 0,      /* seen outside process context: tgid and credentials are not known */
	EVENT_COMPAT = 1 << 1,       /* 32-bit system call */
	EVENT_DENIED = 1 << 2,       /* refused by us before it took effect */
	EVENT_KILLED = 1 << 3,       /* SIGKILL sent by us to the actor */
	EVENT_CANARY = 1 << 4,       /* the agent's own proof that prevention is live */
	EVENT_USER_MEMORY = 1 << 5,  /* a name was read from user memory and can have been changed */
	EVENT_TRUNCATED = 1 << 6,    /* a text was cut at its bound */
	EVENT_IO_URING = 1 << 7,     /* done through io_uring */
	EVENT_LSM = 1 << 8,          /* seen by a BPF-LSM hook: about to happen, not done yet */
	EVENT_OPENED = 1 << 9,       /* `struct file_event`: a creation can be a `struct call_event` too */
};

#define TEXT_CUT 0x8000

struct text {
	u16 offset;
	u16 length;        /* with TEXT_CUT: more was there */
};

enum path_flag {
	PATH_COMPLETE = 1 << 0,   /* the walk reached the root of the mount namespace */
	PATH_UNHASHED = 1 << 1,   /* the name is no longer in its directory: unlinked */
	PATH_PSEUDO = 1 << 2,     /* no directory at all: memfd, pipe, socket */
	PATH_TRUNCATED = 1 << 3,  /* too deep or too long */
};

/* Components, leaf first, each ended by NUL. Turning them round costs user space nothing, and here
 * it would cost the verifier a great deal. */
struct path_text {
	u16 offset;
	u16 length;
	u16 flags;
	u16 components;
};

struct event_header {
	u16 version;
	u16 kind;
	u32 size;
	u64 sequence;      /* per processor, counts lost events too */
	u64 time;          /* ns since boot, CLOCK_BOOTTIME */
	u32 cpu;
	u32 flags;         /* enum event_flag */
	u32 tgid;          /* in the host's PID namespace */
	u32 tid;
	u64 start;         /* of the process (thread group leader), ns since boot */
	u64 cgroup;
	u32 uid;
	u32 gid;
	u32 euid;
	u32 egid;
	u64 capabilities;  /* effective */
	u32 mount_namespace;
	u32 pid_namespace;
	u32 network_namespace;
	u32 user_namespace;
	u32 parent_tgid;
	u32 inner_tgid;    /* in the process's own PID namespace */
	u64 parent_start;
	char name[16];     /* comm of the thread */
};

enum file_flag {
	FILE_OVERLAY = 1 << 0,   /* on overlayfs */
	FILE_UPPER = 1 << 1,     /* its content is in the upper layer: not from the image as it was */
	FILE_MEMFD = 1 << 2,
	FILE_UNLINKED = 1 << 3,  /* no name is left on disk */
	FILE_SOCKET = 1 << 4,
};

struct file_ref {
	u64 inode;
	u64 size;
	u64 changed;       /* ctime, ns since the epoch: with inode and device, a file's version */
	u64 modified;
	u32 device;        /* kernel encoding: major << 20 | minor */
	u32 mode;
	u32 uid;
	u32 gid;
	u32 filesystem;    /* super block magic */
	u32 flags;         /* enum file_flag */
	struct path_text path;
};

#define ANCESTORS 16

struct ancestor {
	u64 start;
	u32 tgid;
	u32 pad;
};

struct fork_event {
	struct event_header header;  /* of the parent */
	u64 child_start;
	u64 child_cgroup;
	u32 child_tgid;
	u32 child_inner_tgid;
	u32 child_mount_namespace;
	u32 child_pid_namespace;
	u32 child_network_namespace;
	u32 child_user_namespace;
};

enum exec_flag {
	EXEC_ENVIRONMENT_CUT = 1 << 0,  /* not every variable was looked at, or kept */
};

struct exec_event {
	struct event_header header;
	struct file_ref executable;
	struct path_text directory;  /* current directory */
	struct text invoked;         /* the name given to execve, as the kernel copied it */
	struct text interpreter;     /* set when `invoked` is a script */
	struct text arguments;       /* NUL between */
	struct text environment;     /* only the variables that change what code runs; each ends with NUL
	                              * and what is left of its last eight bytes */
	u64 permitted;               /* capabilities */
	u64 inheritable;
	u64 ambient;
	u64 bounding;
	u32 argument_bytes;          /* all of them, before cutting */
	u32 old_tid;
	u32 session;
	u32 group;
	u32 terminal;                /* device number, 0 without */
	u32 ancestors;               /* how many are filled */
	u32 saved_uid;
	u32 saved_gid;
	u32 login_uid;               /* u32::MAX: none set, or a kernel without audit */
	u32 flags;                   /* enum exec_flag */
	struct ancestor ancestor[ANCESTORS];
};

struct exit_event {
	struct event_header header;
	u32 code;                    /* as wait(2) gives it */
	u32 pad;
	u64 user_time;               /* ns, of all its threads */
	u64 system_time;
};

struct file_event {
	struct event_header header;
	struct file_ref file;
	s64 result;
	u64 suppressed;              /* like ones left out since the last */
	u32 open_flags;
	u32 syscall;
};

/* Every other file and security system call: what it was, its raw arguments, and up to two names,
 * each with the kernel-held directory that a relative one starts from. */
struct call_event {
	struct event_header header;
	u64 suppressed;
	s64 result;
	u64 argument[6];
	struct file_ref file;        /* of the descriptor, where the call has one */
	struct path_text base;
	struct path_text base2;
	struct text path;
	struct text path2;
	u32 syscall;
	struct text extra;           /* a third name: SHAPE_EXTRA */
};

enum socket_flag {
	SOCKET_REMOTE_USER = 1 << 0,  /* `remote` was read from user memory */
	SOCKET_REMOTE_HOOK = 1 << 1,  /* `remote` is the kernel's copy, from a cgroup hook */
};

struct socket_address {
	u16 family;
	u16 port;                    /* host order */
	u32 scope;
	u8 address[16];              /* IPv4 in the first four */
};

struct socket_event {
	struct event_header header;
	u64 suppressed;
	s64 result;
	u64 cookie;                  /* 0 if the kernel has given none yet */
	u64 inode;
	u16 family;
	u16 type;
	u32 protocol;
	u32 state;
	u32 flags;                   /* enum socket_flag */
	struct socket_address local;
	struct socket_address remote;
	struct text path;            /* AF_UNIX; starts with NUL when abstract */
	u32 verdict;
};

#define DNS_BYTES 512

struct dns_event {
	struct event_header header;
	u64 cookie;
	struct socket_address local;
	struct socket_address remote;
	u16 outgoing;
	u16 protocol;
	u16 length;                  /* of the message on the wire */
	u16 captured;
	u8 payload[DNS_BYTES];
};

struct signal_event {
	struct event_header header;
	u64 target_start;
	u64 target_cgroup;
	u32 target_tgid;
	u32 signal;
	s32 code;
	u32 result;
};

struct io_uring_event {
	struct event_header header;
	u64 suppressed;
	u32 opcode;
	u32 request_flags;
};

/* Compat calls have another table: their numbers have this bit. */
#define SEQUENCE_COMPAT 0x8000

struct sequence_event {
	struct event_header header;
	u16 call[3];                 /* the oldest first */
	u16 pad;
};

enum cgroup_change {
	CGROUP_CREATED = 1,
	CGROUP_REMOVED = 2,
	CGROUP_JOINED = 3,
};

struct cgroup_event {
	struct event_header header;
	u64 cgroup;
	u64 parent;
	u32 change;
	u32 level;
	u32 hierarchy;
	struct text path;
};

struct task_snapshot {
	struct event_header header;
	struct file_ref executable;
	u32 reader_tgid;             /* the agent itself, in the host's numbers: how it learns them */
	u32 group;
	u32 session;
	u32 terminal;
};

struct file_snapshot {
	struct event_header header;
	struct file_ref file;
	struct socket_address local;
	struct socket_address remote;
	u32 descriptor;
	u32 state;
	u16 family;
	u16 type;
	u32 protocol;
};

/* What a denial by BPF-LSM says: fixed in size, since these hooks can be preempted and so cannot
 * share per-processor scratch space. */
#define LSM_PATH 1024

struct lsm_event {
	struct event_header header;
	struct file_ref file;
	struct socket_address remote;
	u32 hook;                    /* enum lsm_hook */
	u32 verdict;
	u64 argument[2];
	struct text path2;           /* the second name of rename and link: its last component */
	u32 leaf;                    /* bytes of the path's first component, with its NUL; for the kernel side alone */
	u8 bytes[LSM_PATH];
};

enum lsm_hook {
	HOOK_EXEC = 1,
	HOOK_OPEN = 2,
	HOOK_UNLINK = 3,
	HOOK_RENAME = 4,
	HOOK_LINK = 5,
	HOOK_CREATE = 6,
	HOOK_SETATTR = 7,
	HOOK_CONNECT = 8,
	HOOK_BIND = 9,
	HOOK_MOUNT = 10,
	HOOK_PTRACE = 11,
	HOOK_BPF = 12,
	HOOK_MODULE = 13,
	HOOK_MPROTECT = 14,
	HOOK_SENDMSG = 15,
	HOOK_SOCKET = 16,
	HOOK_TRUNCATE = 17,
	HOOK_OWNER = 18,
};

/* ---- maps that user space writes ---- */

enum watch_flag {
	WATCH_READS = 1 << 0,          /* report opens for reading too */
	WATCH_DENY_UPPER = 1 << 1,     /* an executable from the upper layer may not run (drift) */
	WATCH_DENY_MEMFD = 1 << 2,     /* nor one that has no file */
	WATCH_DENY_UNLISTED = 1 << 3,  /* nor one without an `allow` verdict */
	WATCH_EXEC_PATHS = 1 << 4,     /* there are verdicts by path: hash it */
	WATCH_NET_RULES = 1 << 5,      /* there are network verdicts */
	WATCH_NET_UNLISTED = 1 << 6,   /* destinations without `allow` are refused */
	WATCH_LSM_NAMES = 1 << 7,      /* rung 5: report unlink, rename, link, create with kernel-held names */
	WATCH_DENY_PTRACE = 1 << 8,    /* rung 5, and below */
	WATCH_DENY_MOUNT = 1 << 9,
	WATCH_DENY_BPF = 1 << 10,
	WATCH_DENY_MODULE = 1 << 11,
	WATCH_FILE_RULES = 1 << 12,    /* there are verdicts for writing */
	WATCH_NET_SOCKETS = 1 << 13,   /* something is refused to the network: sockets that no hook asks about are too */
};

/* `id` is the container's own cgroup. Cgroups made inside it inherit it, and verdicts are kept by it:
 * what holds for a container holds for each from its first moment. */
struct watch {
	u64 kinds;
	u64 id;
	u32 flags;
	u32 told;                    /* user space knows the cgroup, and has to know of its end */
};

enum settings_mode {
	MODE_WATCHED = 0,
	MODE_ALL = 1,
};

enum cgroup_key {
	CGROUP_KEY_UNIFIED = 0,
	CGROUP_KEY_MEMORY = 1,
	CGROUP_KEY_PIDS = 2,
};

struct settings {
	u32 mode;
	u32 self_tgid;
	u32 cgroup_key;
	u32 host_mount_namespace;    /* a runtime on its way into a container is still in it */
	u64 dedup_window;            /* ns; 0: no deduplication */
	u64 rate_limit;              /* events a second, kind and cgroup; 0: none */
	u64 signal_mask;             /* bit n-1: signal n is reported */
	struct watch host;           /* what holds in MODE_ALL for cgroups that are not listed */
	u64 hash_key[2];             /* of paths: random, another at each start */
};

#define FD_NONE (-1)
#define FD_RESULT 6

enum shape_flag {
	SHAPE_FAILURES = 1 << 0,     /* report it when it failed as well */
	SHAPE_EVERY = 1 << 1,        /* never deduplicate */
	SHAPE_EXTRA = 1 << 4,        /* argument 2 is a further name */
	SHAPE_TIMES = 1 << 3,        /* argument 2 points to two times; the second replaces arguments 4 and 5 */
	SHAPE_ARGUMENT0 = 1 << 2,    /* tell apart by the first argument (commands of bpf, ptrace, ...) */
	SHAPE_ARGUMENT1 = 1 << 5,    /* and by the second (whom ptrace is aimed at) */
};

/* How a system call's arguments are read. User space fills this by number, so that the programs
 * know nothing of the architecture's table, nor of the 32-bit one. */
struct syscall_shape {
	u16 kind;
	u8 flags;
	s8 fd;                       /* argument, FD_RESULT or FD_NONE */
	s8 path;
	s8 directory;
	s8 path2;
	s8 directory2;
};

struct loss_key {
	u64 cgroup;
	u16 kind;
	u16 reason;
	u32 pad;
};

enum loss_reason {
	LOSS_RING_FULL = 1,
	LOSS_RATE = 2,
	LOSS_SCRATCH = 3,
	LOSS_SIZE = 4,
	LOSS_UNWATCHED = 5,          /* a cgroup inside a container found no room in `watched` */
};

/* A blind interval: from `first` to `last`, `count` events were lost. */
struct loss {
	u64 count;
	u64 first;
	u64 last;
};

enum effect {
	EFFECT_ALLOW = 1,
	EFFECT_DENY = 2,
	EFFECT_CANARY = 3,
	EFFECT_ALERT = 4,
	EFFECT_KEEP = 5,             /* of a change: a directory above what is denied may not be moved or removed */
};

/* `cgroup` is the container's (`struct watch`, id); 0 holds for every watched one. */
struct exec_key {
	u64 cgroup;
	u64 inode;
	u64 device;
};

/* Verdicts for changes of files (rung 5) have the same key and value. */
struct exec_path_key {
	u64 cgroup;
	u64 hash[2];                 /* keyed, of `struct path_text` bytes, at most EXEC_HASHED of them */
};

struct exec_verdict {
	u32 effect;
	u32 rule;
	u64 changed;                 /* ctime that it was given for; 0: any */
};

enum net_direction {
	NET_CONNECT = 1,
	NET_BIND = 2,
	NET_SEND = 3,
};

/* Longest prefix first: the cgroup is always whole (64 bits), then protocol class, then address.
 * IPv4 is held as IPv4-mapped IPv6. */
struct net_key {
	u32 prefix;
	u32 direction;               /* big endian, part of the prefix */
	u64 cgroup;
	u8 address[16];
};

#define NET_RANGES 16

/* Ports from `low` to `high`. */
struct net_range {
	u16 low;
	u16 high;
	u32 rule;                    /* with NET_DENY: refused */
};

#define NET_DENY 0x80000000

/* What holds for a network: of the ranges that have the port, the first. User space puts the ranges of
 * the wider networks behind, since a look-up gives only the narrowest. */
struct net_verdict {
	u32 ranges;
	u32 pad;
	struct net_range range[NET_RANGES];
};

#define LEAF_NAME 32

struct leaf_key {
	char name[LEAF_NAME];
};

#endif
