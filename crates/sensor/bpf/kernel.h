/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The few kernel types, fields and helpers that the programs use, written by hand.
 *
 * Not a generated vmlinux.h: 2.8 MB of one kernel's types say nothing to a reader. Only the fields
 * that are read are here, in any order: `preserve_access_index` makes each access a CO-RE
 * relocation, which the loader resolves by name against the running kernel's BTF. A name after
 * `___` is another kernel's form of the same type and is dropped when matching.
 */
#ifndef PALISADE_KERNEL_H
#define PALISADE_KERNEL_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)

#define SEC(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* ---- types that are relocated ---- */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

struct id_value {
	u32 val;
};

/* u32[2] before 6.3, one u64 since (f122a08b197d): eight bytes that are the same on little endian, so
 * that nothing inside is named and relocated. */
struct capability_set {
	u8 bytes[8];
};

struct list_head {
	struct list_head *next;
};

struct ns_common {
	u32 inum;
};

struct user_namespace {
	struct ns_common ns;
};

struct cred {
	struct id_value uid;
	struct id_value gid;
	struct id_value suid;
	struct id_value sgid;
	struct id_value euid;
	struct id_value egid;
	struct capability_set cap_inheritable;
	struct capability_set cap_permitted;
	struct capability_set cap_effective;
	struct capability_set cap_bset;
	struct capability_set cap_ambient;
	struct user_namespace *user_ns;
};

struct super_block {
	u32 s_dev;
	unsigned long s_magic;
};

struct dentry;

struct inode {
	u16 i_mode;
	struct id_value i_uid;
	struct id_value i_gid;
	struct super_block *i_sb;
	unsigned long i_ino;
	u32 i_nlink;
	u32 i_rdev;
	s64 i_size;
	s64 i_mtime_sec;
	s64 i_ctime_sec;
	u32 i_mtime_nsec;
	u32 i_ctime_nsec;
};

/* 6.7 to 6.10: 12cd44023651 and before 3aa63a569c64 */
struct inode___6_7 {
	struct timespec64 __i_mtime;
	struct timespec64 __i_ctime;
};

/* 6.6 alone renamed only ctime: 13bc24457850 */
struct inode___6_6 {
	struct timespec64 i_mtime;
	struct timespec64 __i_ctime;
};

struct inode___5_8 {
	struct timespec64 i_mtime;
	struct timespec64 i_ctime;
};

struct qstr {
	const u8 *name;
	u32 len;
};

struct hlist_bl_node {
	struct hlist_bl_node *next, **pprev;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	u8 d_iname[8];
};

union shortname_store {
	u8 string[8];
};

struct dentry___6_14 {
	union shortname_store d_shortname;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct net {
	struct ns_common ns;
};

struct pid_namespace {
	struct ns_common ns;
};

struct file {
	u32 f_mode;
	u32 f_flags;
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
};

struct fdtable {
	u32 max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
	struct net *net_ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	u32 level;
	struct upid numbers[1];
};

struct mm_struct {
	struct file *exe_file;
	unsigned long arg_start, arg_end, env_start, env_end;
};

struct tty_driver {
	int major;
	int minor_start;
};

struct tty_struct {
	struct tty_driver *driver;
	int index;
};

struct atomic {
	int counter;
};

struct signal_struct {
	struct atomic live;
	struct tty_struct *tty;
	struct pid *pids[4];
	u64 utime;
	u64 stime;
	int group_exit_code;
};

struct kernfs_node {
	u64 id;
	const char *name;
};

struct cgroup {
	int level;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};

/* `self` holds the parent: cgroup_parent() in include/linux/cgroup.h */
struct cgroup___self {
	struct cgroup_subsys_state self;
};

struct css_set {
	struct cgroup_subsys_state *subsys[16];
	struct cgroup *dfl_cgrp;
};

enum cgroup_subsys_id {
	memory_cgrp_id = 5,
	pids_cgrp_id = 11,
};

struct thread_info {
	u32 status;
	unsigned long flags;
};

struct task_struct {
	struct thread_info thread_info;
	u32 flags;
	int pid;
	int tgid;
	int exit_code;
	u64 utime;
	u64 stime;
	u64 start_boottime;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	const struct cred *cred;
	struct id_value loginuid; /* CONFIG_AUDIT */
	char comm[16];
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
	struct mm_struct *mm;
};

struct linux_binprm {
	struct file *file;
	const char *filename;
	const char *interp;
	char buf[256];
};

struct in6_addr {
	u8 in6_u[16];
};

struct atomic64 {
	s64 counter;
};

struct sock_common {
	u32 skc_daddr;
	u32 skc_rcv_saddr;
	u16 skc_dport;
	u16 skc_num;
	u16 skc_family;
	u8 skc_state;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	struct atomic64 skc_cookie;
};

struct sock {
	struct sock_common __sk_common;
	u16 sk_type;
	u16 sk_protocol;
};

struct socket {
	short type;
	struct file *file;
	struct sock *sk;
};

struct sockaddr_un {
	u16 sun_family;
};

struct unix_address {
	int len;
	struct sockaddr_un name[0];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct kernel_siginfo {
	int si_signo;
	int si_code;
};

struct io_kiocb {
	u8 opcode;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long bp, bx, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	u64 regs[31];
	u64 orig_x0;
	s32 syscallno;
};
#else
#error "no registers known for this architecture"
#endif

#pragma clang attribute pop

/* ---- types of the stable interface: never relocated ---- */

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	u32 pad;
	struct file *file;
};

struct bpf_sock_addr {
	u32 user_family;
	u32 user_ip4;
	u32 user_ip6[4];
	u32 user_port;
	u32 family;
	u32 type;
	u32 protocol;
	u32 msg_src_ip4;
	u32 msg_src_ip6[4];
	union {
		struct bpf_sock *sk;
		u64 sk_bits;
	};
};

struct bpf_sock {
	u32 bound_dev_if;
	u32 family;
	u32 type;
	u32 protocol;
	u32 mark;
	u32 priority;
	u32 src_ip4;
	u32 src_ip6[4];
	u32 src_port; /* in the host's order */
	u32 dst_port; /* in the network's, in the lower half */
	u32 dst_ip4;
	u32 dst_ip6[4];
	u32 state;
};

struct __sk_buff {
	u32 len;
	u32 pkt_type;
	u32 mark;
	u32 queue_mapping;
	u32 protocol;
	u32 unused[37];
	struct bpf_sock *sk; /* 5.1 */
};

/* ---- helpers: numbers of include/uapi/linux/bpf.h, each with the version that has it ---- */

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static u32 (*bpf_get_smp_processor_id)(void) = (void *)8;
static long (*bpf_tail_call)(void *ctx, void *programs, u32 index) = (void *)12;
static u64 (*bpf_get_current_pid_tgid)(void) = (void *)14;
static long (*bpf_skb_load_bytes)(const void *skb, u32 offset, void *to, u32 len) = (void *)26;
static u64 (*bpf_get_current_task)(void) = (void *)35;
static struct task_struct *(*bpf_get_current_task_btf)(void) = (void *)158; /* 5.11 */
static u64 (*bpf_get_socket_cookie)(void *ctx) = (void *)46;               /* 4.12 */
static u64 (*bpf_skb_cgroup_id)(struct __sk_buff *skb) = (void *)79;       /* 4.18 */
static long (*bpf_send_signal)(u32 signal) = (void *)109;                  /* 5.3 */
static long (*bpf_probe_read_user)(void *to, u32 size, const void *from) = (void *)112;        /* 5.5 */
static long (*bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*bpf_probe_read_user_str)(void *to, u32 size, const void *from) = (void *)114;
static long (*bpf_probe_read_kernel_str)(void *to, u32 size, const void *from) = (void *)115;
static u64 (*bpf_ktime_get_boot_ns)(void) = (void *)125;                   /* 5.8 */
static long (*bpf_seq_write)(struct seq_file *seq, const void *data, u32 len) = (void *)127;   /* 5.7 */
static long (*bpf_ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;  /* 5.8 */
static void *(*bpf_ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*bpf_ringbuf_submit)(void *data, u64 flags) = (void *)132;
static void (*bpf_ringbuf_discard)(void *data, u64 flags) = (void *)133;
static u64 (*bpf_ringbuf_query)(void *ring, u64 flags) = (void *)134;

#define BPF_ANY 0
#define BPF_NOEXIST 1
#define BPF_RB_NO_WAKEUP 1
#define BPF_RB_FORCE_WAKEUP 2
#define BPF_RB_AVAIL_DATA 0

enum map_type {
	MAP_HASH = 1,
	MAP_ARRAY = 2,
	MAP_PROGRAMS = 3,
	MAP_PERCPU_HASH = 5,
	MAP_PERCPU_ARRAY = 6,
	MAP_LRU_HASH = 9,
	MAP_LPM_TRIE = 11,
	MAP_RING = 27,
};

#define BPF_F_NO_PREALLOC 1

/* ---- reading ---- */

/* One relocated field behind a pointer that the verifier does not know. A bad address gives zero: the
 * helper clears what it could not read. */
#define READ(pointer, field)                                                                   \
	({                                                                                     \
		__typeof__((pointer)->field) value_;                                           \
		bpf_probe_read_kernel((void *)&value_, sizeof(value_), &(pointer)->field);     \
		value_;                                                                        \
	})

#define READ_WORD(pointer, field)                                                              \
	({                                                                                     \
		u64 word_;                                                                     \
		bpf_probe_read_kernel(&word_, sizeof(word_), &(pointer)->field);               \
		word_;                                                                         \
	})

/* From `copy`, which points to a copy of the object's beginning; behind its end, from the object. Which of both is settled when the
 * program is loaded. One copy costs what one field does. */
#define READ_FROM(copy, pointer, type, field)                                                  \
	({                                                                                     \
		__typeof__(((type *)0)->field) value_;                                         \
		u32 at_ = __builtin_preserve_field_info(((type *)0)->field, 0);                \
		if (at_ + sizeof(value_) <= sizeof(*(copy)))                                      \
			value_ = *(__typeof__(value_) *)((u8 *)(copy) + at_);                  \
		else                                                                           \
			bpf_probe_read_kernel((void *)&value_, sizeof(value_), &(pointer)->field); \
		value_;                                                                        \
	})

#define FIELD_EXISTS(type, field) __builtin_preserve_field_info(((type *)0)->field, 2)
#define FIELD_OFFSET(type, field) __builtin_preserve_field_info(((type *)0)->field, 0)
#define TYPE_EXISTS(type) __builtin_preserve_type_info(*(type *)0, 0)
#define TYPE_SIZE(type) __builtin_preserve_type_info(*(type *)0, 1)
#define ENUM_VALUE(type, value) __builtin_preserve_enum_value(*(type *)value, 1)

/* Keeps the compiler from dropping or moving a bound that the verifier must see. */
#define BARRIER(variable) __asm__ volatile("" : "+r"(variable))

INLINE u16 swap16(u16 value)
{
	return __builtin_bswap16(value);
}

INLINE u32 swap32(u32 value)
{
	return __builtin_bswap32(value);
}

#define PROC_SUPER_MAGIC 0x9fa0
#define TMPFS_MAGIC 0x01021994
#define OVERLAYFS_MAGIC 0x794c7630
#define FMODE_WRITE 0x2
#define FMODE_CREATED 0x100000 /* include/linux/fs.h, since 4.19 */
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFCHR 0020000
#define PF_KTHREAD 0x00200000
#define PF_IO_WORKER 0x00000010 /* 5.10 */
#define TS_COMPAT 0x2
#define TIF_32BIT_ARM64 22
#define EINPROGRESS 115
#define EPERM 1
#define E2BIG 7
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_KEY 15
#define AF_NETLINK 16
#define AF_PACKET 17
#define AF_ALG 38
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define TCP_LISTEN 10
#define SOCK_TYPE_MASK 15
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262
#define SIGKILL 9

#endif
