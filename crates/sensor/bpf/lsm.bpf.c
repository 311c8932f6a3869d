/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Rung 5: BPF-LSM (x86 since 5.7, arm64 since 6.4). Denies before anything happens, and names files
 * as the kernel holds them.
 *
 * An object of its own with maps of its own: the loader writes policy into both. These programs can
 * be preempted in favour of each other, so records are built in the ring and not in per-processor
 * scratch space. A hook's last argument is the answer of the programs before: a denial is never
 * undone. It is given back as -EPERM, a constant: from 6.12 the verifier wants to see its range
 * (5d99e198be27).
 */
#include "license.h"
#include "abi.h"
#include "layout.h"
#include "tracepoint.h"
#include "guard.h"
#include "net.h"
#include "containers.h"

/* Where LSM programs may not be loaded at all, the verifier can still be asked about their bodies:
 * build.md compiles this as raw tracepoints for that, and never ships it. */
#ifdef VERIFY_BODIES
#define HOOK(name) SEC("raw_tp/sys_enter")
#define TASK(ctx, index) task__current() /* arguments have no types there */
#else
#define TASK(ctx, index) ARGUMENT(ctx, index, struct task_struct *)
#define HOOK(name) SEC("lsm/" name)
#endif

struct actor {
	struct settings *settings;
	struct watch *watch;
	struct task_struct *task;
	u64 cgroup;
};

INLINE bool actor__find(struct actor *actor)
{
	actor->task = task__current();
	actor->settings = settings__get();
	if (!actor->settings)
		return false;
	actor->watch = watch__current(actor->settings, actor->task, &actor->cgroup);
	return actor->watch;
}

/* By a branch: computed without one, its range would be lost to the verifier. */
INLINE int lsm__answer(bool refused)
{
	int answer = -EPERM;
	BARRIER(answer);
	if (!refused)
		return 0;
	return answer;
}

/* ---- records ---- */

INLINE struct lsm_event *lsm__begin(const struct actor *actor, u32 kind, u32 hook, u32 verdict, bool denied)
{
	if (!rate__passes(actor->settings, kind, actor->cgroup))
		return NULL;
	struct lsm_event *event = record__reserve(sizeof(*event), kind, actor->cgroup);
	if (!event)
		return NULL;
	header__fill(&event->header, actor->task, kind, actor->cgroup);
	event->header.flags = EVENT_LSM | (denied ? EVENT_DENIED : 0);
	event->hook = hook;
	event->verdict = verdict;
	event->argument[0] = 0;
	event->argument[1] = 0;
	event->leaf = 0;
	text__clear(&event->path2);
	file__clear(&event->file);
	address__clear(&event->remote);
	return event;
}

INLINE void lsm__end(struct lsm_event *event)
{
	record__submit(event, sizeof(*event), event->header.flags & EVENT_DENIED ? BPF_RB_FORCE_WAKEUP : 0);
}

#define LSM_LIMIT (LSM_PATH - COMPONENT_BYTES)

/* The walk of helpers.h, into the record. Where it has come to is kept there too: in registers, verifiers before
 * 6.8 would follow each length by itself, past their bound. */
NOINLINE void lsm__path(struct lsm_event *event, struct dentry *dentry, struct vfsmount *vfsmount)
{
	struct path_text *path = &event->file.path;
	struct mount *mount = mount__of(vfsmount);
	struct dentry *root = READ(vfsmount, mnt_root);
	path->offset = __builtin_offsetof(struct lsm_event, bytes);
	path->length = 0;
	path->components = 0;
	path->flags = PATH_TRUNCATED;
	event->leaf = 0;
	for (int depth = 0; depth < PATH_DEPTH; depth++) {
		struct dentry *parent = READ(dentry, d_parent);
		if (dentry == root || dentry == parent) {
			struct mount *above = READ(mount, mnt_parent);
			if (above == mount || !above) {
				path->flags = above ? PATH_COMPLETE : 0; /* none: an inode hook brought no mount */
				break;
			}
			dentry = READ(mount, mnt_mountpoint);
			mount = above;
			root = READ(mount, mnt.mnt_root);
			continue;
		}
		u32 at = path->length;
		BARRIER(at); /* the bound is to be seen on the register that is used */
		if (at > LSM_LIMIT)
			break;
		const u8 *name = READ(dentry, d_name.name);
		long copied = bpf_probe_read_kernel_str(&event->bytes[at], COMPONENT_BYTES, name);
		if (copied <= 0 || (copied == COMPONENT_BYTES && READ(dentry, d_name.len) >= COMPONENT_BYTES))
			break;
		path->length = at + (copied & 511);
		if (!path->components)
			event->leaf = path->length;
		path->components++;
		dentry = parent;
	}
}

/* The second name's last component, behind the first path. */
INLINE void lsm__second(struct lsm_event *event, struct dentry *dentry)
{
	u32 end = event->file.path.length;
	BARRIER(end);
	if (end > LSM_LIMIT)
		return;
	const u8 *name = READ(dentry, d_name.name);
	long copied = bpf_probe_read_kernel_str(&event->bytes[end], COMPONENT_BYTES, name);
	if (copied <= 1)
		return;
	event->path2.offset = __builtin_offsetof(struct lsm_event, bytes) + end;
	event->path2.length = copied - 1;
}

INLINE void lsm__file(struct lsm_event *event, struct dentry *dentry, struct vfsmount *mount)
{
	struct inode *inode = READ(dentry, d_inode); /* NULL for a name that is about to be made: zeros */
	inode__describe(&event->file, inode, dentry);
	lsm__path(event, dentry, mount);
}

/* ---- exec ---- */

NOINLINE void lsm__decide_by_path(const struct actor *actor, struct file *file, struct exec_verdict *verdict)
{
	struct lsm_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return; /* fails open; the ring is the only unshared space there is */
	lsm__path(event, READ(file, f_path.dentry), READ(file, f_path.mnt));
	if (path__is_whole(event->file.path.flags, event->file.path.length)) {
		u64 hash[2];
		path__hash(actor->settings, event->bytes, event->file.path.length, hash);
		guard__by_hash(actor->watch->id, hash, verdict);
	}
	bpf_ringbuf_discard(event, BPF_RB_NO_WAKEUP);
}

INLINE bool binary__is_script(struct linux_binprm *binary)
{
	char start[2] = {};
	bpf_probe_read_kernel(start, sizeof(start), (u8 *)binary + FIELD_OFFSET(struct linux_binprm, buf));
	return start[0] == '#' && start[1] == '!';
}

/* Called for a script and again for its interpreter: unlike the killer at sched_process_exec, this
 * sees the script's own file. */
HOOK("bprm_check_security")
int lsm__exec(u64 *ctx)
{
	int earlier = (int)ctx[1];
	struct actor actor;
	if (earlier || !actor__find(&actor))
		return earlier ? -EPERM : 0;
	struct linux_binprm *binary = ARGUMENT(ctx, 0, struct linux_binprm *);
	struct file *file = READ(binary, file);
	struct dentry *dentry = READ(file, f_path.dentry);
	struct exec_verdict verdict = {};
	if (!guard__decide(actor.watch, READ(file, f_inode), dentry, &verdict)) {
		if (actor.watch->flags & WATCH_EXEC_PATHS)
			lsm__decide_by_path(&actor, file, &verdict);
		/* A script's own file is no program: its interpreter comes next. */
		if (!verdict.effect && !binary__is_script(binary))
			guard__by_default(actor.watch, &verdict);
	}
	if (!guard__refuses(&verdict, actor.watch, actor.settings, actor.task))
		return 0;
	struct lsm_event *event = lsm__begin(&actor, KIND_EXEC, HOOK_EXEC, verdict.rule, true);
	if (event) {
		if (verdict.effect == EFFECT_CANARY)
			event->header.flags |= EVENT_CANARY;
		lsm__file(event, dentry, READ(file, f_path.mnt));
		lsm__end(event);
	}
	if (verdict.effect == EFFECT_CANARY)
		canary__count(actor.cgroup);
	return -EPERM;
}

/* ---- files ---- */

/* Names that may not be changed, nor what is directly in the directory of that name: by path, keyed as programs
 * are. */
MAP(change_path_verdicts, MAP_HASH, 16384, struct exec_path_key, struct exec_verdict);

INLINE struct exec_verdict *change__verdict(const struct actor *actor, const u8 *bytes, u32 length)
{
	struct exec_path_key key = { .cgroup = actor->watch->id };
	if (length > EXEC_HASHED)
		return NULL; /* user space refuses longer ones in a policy */
	path__hash(actor->settings, bytes, length, key.hash);
	return bpf_map_lookup_elem(&change_path_verdicts, &key);
}

/* The verdict for a name itself, else for its directory. `moves`: the name goes elsewhere or away. */
INLINE u32 change__find(const struct actor *actor, const struct lsm_event *event, bool moves)
{
	/* Read again each time: a length that has been through the hash's loop is one value for each way out of it to
	 * the verifier, and what comes behind would be followed for all of them. */
	const volatile struct path_text *path = &event->file.path;
	const volatile u32 *first = &event->leaf;
	/* What has no directory is in none: memory files, pipes, a root. */
	if (!(path->flags & PATH_COMPLETE) || !path->components)
		return 0;
	struct exec_verdict *own = change__verdict(actor, event->bytes, path->length);
	if (own && (own->effect == EFFECT_DENY || (moves && own->effect == EFFECT_KEEP)))
		return own->rule | NET_DENY;
	u32 leaf = *first, length = path->length;
	BARRIER(leaf);
	if (leaf > COMPONENT_BYTES || length < leaf)
		return 0;
	struct exec_verdict *above = change__verdict(actor, event->bytes + leaf, length - leaf);
	return above && above->effect == EFFECT_DENY ? above->rule | NET_DENY : 0;
}

NOINLINE u32 change__refusal(const struct actor *actor, struct dentry *dentry, struct vfsmount *mount, bool moves)
{
	struct lsm_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0; /* fails open; the ring is the only unshared space there is */
	lsm__path(event, dentry, mount);
	u32 refusal = change__find(actor, event, moves);
	bpf_ringbuf_discard(event, BPF_RB_NO_WAKEUP);
	return refusal;
}

struct change {
	struct dentry *dentry;
	struct vfsmount *mount;
	struct dentry *second;
	u64 argument;
	u32 kind;
	u32 hook;
	bool moves;
};

/* Every hook that changes a name or a file. */
NOINLINE int lsm__change(const struct change *change)
{
	struct actor actor;
	if (!actor__find(&actor))
		return 0;
	u32 refusal = 0;
	/* A runtime on its way in changes its own files, by the host's names. */
	if (actor.watch->flags & WATCH_FILE_RULES && !task__in_host_mounts(actor.task, actor.settings)) {
		refusal = change__refusal(&actor, change->dentry, change->mount, change->moves);
		if (!refusal && change->second)
			refusal = change__refusal(&actor, change->second, change->mount, change->moves);
	}
	bool named = actor.watch->flags & WATCH_LSM_NAMES && watch__wants(actor.watch, change->kind);
	if (!refusal && (!named || change->hook == HOOK_OPEN))
		return 0;
	struct lsm_event *event = lsm__begin(&actor, change->kind, change->hook, refusal, refusal != 0);
	if (event) {
		event->argument[0] = change->argument;
		lsm__file(event, change->dentry, change->mount);
		if (change->second)
			lsm__second(event, change->second);
		lsm__end(event);
	}
	return lsm__answer(refusal);
}

HOOK("file_open")
int lsm__open(u64 *ctx)
{
	int earlier = (int)ctx[1];
	struct file *file = ARGUMENT(ctx, 0, struct file *);
	if (earlier || !(READ(file, f_mode) & FMODE_WRITE))
		return earlier ? -EPERM : 0;
	struct change change = {
		.dentry = READ(file, f_path.dentry),
		.mount = READ(file, f_path.mnt),
		.kind = KIND_FILE_OPEN,
		.hook = HOOK_OPEN,
	};
	return lsm__change(&change);
}

INLINE int lsm__name(struct path *directory, struct dentry *dentry, struct dentry *second, u32 kind, u32 hook,
		     u64 argument)
{
	struct change change = {
		.dentry = dentry,
		.mount = READ(directory, mnt),
		.second = second,
		.argument = argument,
		.kind = kind,
		.hook = hook,
		.moves = hook == HOOK_RENAME || hook == HOOK_UNLINK,
	};
	return lsm__change(&change);
}

/* path_* and not inode_*: they bring the mount, without which a path inside a container cannot be
 * told. They need CONFIG_SECURITY_PATH, which AppArmor and Landlock both select; the inode_* hooks
 * below are for kernels without, and give a path within the file system only. */
HOOK("path_unlink")
int lsm__unlink(u64 *ctx)
{
	if ((int)ctx[2])
		return -EPERM;
	return lsm__name(ARGUMENT(ctx, 0, struct path *), ARGUMENT(ctx, 1, struct dentry *), NULL, KIND_FILE_UNLINK,
			 HOOK_UNLINK, 0);
}

/* Its fifth argument came with 5.19 (flags), before the answers: the answer's place is not fixed, so
 * it is not read. 0 keeps an earlier denial, since the kernel stops at the first. */
HOOK("path_rename")
int lsm__rename(u64 *ctx)
{
	return lsm__name(ARGUMENT(ctx, 0, struct path *), ARGUMENT(ctx, 1, struct dentry *),
			 ARGUMENT(ctx, 3, struct dentry *), KIND_FILE_RENAME, HOOK_RENAME, 0);
}

HOOK("path_link")
int lsm__link(u64 *ctx)
{
	if ((int)ctx[3])
		return -EPERM;
	return lsm__name(ARGUMENT(ctx, 1, struct path *), ARGUMENT(ctx, 2, struct dentry *),
			 ARGUMENT(ctx, 0, struct dentry *), KIND_FILE_LINK, HOOK_LINK, 0);
}

HOOK("path_mknod")
int lsm__create(u64 *ctx)
{
	if ((int)ctx[4])
		return -EPERM;
	return lsm__name(ARGUMENT(ctx, 0, struct path *), ARGUMENT(ctx, 1, struct dentry *), NULL, KIND_FILE_CREATE,
			 HOOK_CREATE, ctx[2]);
}

HOOK("path_chmod")
int lsm__mode(u64 *ctx)
{
	struct path *path = ARGUMENT(ctx, 0, struct path *);
	if ((int)ctx[2])
		return -EPERM;
	return lsm__name(path, READ(path, dentry), NULL, KIND_FILE_MODE, HOOK_SETATTR, ctx[1] & 0xffff);
}

HOOK("path_mkdir")
int lsm__make_directory(u64 *ctx)
{
	if ((int)ctx[3])
		return -EPERM;
	return lsm__name(ARGUMENT(ctx, 0, struct path *), ARGUMENT(ctx, 1, struct dentry *), NULL, KIND_FILE_CREATE,
			 HOOK_CREATE, ctx[2]);
}

HOOK("path_symlink")
int lsm__symlink(u64 *ctx)
{
	if ((int)ctx[3])
		return -EPERM;
	return lsm__name(ARGUMENT(ctx, 0, struct path *), ARGUMENT(ctx, 1, struct dentry *), NULL, KIND_FILE_CREATE,
			 HOOK_CREATE, 0);
}

HOOK("path_rmdir")
int lsm__remove_directory(u64 *ctx)
{
	if ((int)ctx[2])
		return -EPERM;
	return lsm__name(ARGUMENT(ctx, 0, struct path *), ARGUMENT(ctx, 1, struct dentry *), NULL, KIND_FILE_UNLINK,
			 HOOK_UNLINK, 0);
}

HOOK("path_truncate")
int lsm__truncate(u64 *ctx)
{
	struct path *path = ARGUMENT(ctx, 0, struct path *);
	if ((int)ctx[1])
		return -EPERM;
	return lsm__name(path, READ(path, dentry), NULL, KIND_FILE_TRUNCATE, HOOK_TRUNCATE, 0);
}

HOOK("path_chown")
int lsm__owner(u64 *ctx)
{
	struct path *path = ARGUMENT(ctx, 0, struct path *);
	if ((int)ctx[3])
		return -EPERM;
	return lsm__name(path, READ(path, dentry), NULL, KIND_FILE_OWNER, HOOK_OWNER, 0);
}

HOOK("inode_unlink")
int lsm__inode_unlink(u64 *ctx)
{
	struct path none = {};
	if ((int)ctx[2])
		return -EPERM;
	return lsm__name(&none, ARGUMENT(ctx, 1, struct dentry *), NULL, KIND_FILE_UNLINK, HOOK_UNLINK, 0);
}

HOOK("inode_rename")
int lsm__inode_rename(u64 *ctx)
{
	struct path none = {};
	if ((int)ctx[4])
		return -EPERM;
	return lsm__name(&none, ARGUMENT(ctx, 1, struct dentry *), ARGUMENT(ctx, 3, struct dentry *),
			 KIND_FILE_RENAME, HOOK_RENAME, 0);
}

HOOK("inode_create")
int lsm__inode_create(u64 *ctx)
{
	struct path none = {};
	if ((int)ctx[3])
		return -EPERM;
	return lsm__name(&none, ARGUMENT(ctx, 1, struct dentry *), NULL, KIND_FILE_CREATE, HOOK_CREATE, ctx[2]);
}

/* ---- network ---- */

struct kernel_sockaddr {
	u16 family;
	u16 port;
	u32 flow_or_ip;
	u8 ipv6[16];
};

NOINLINE bool sockaddr__read(struct socket_address *to, const void *from)
{
	struct kernel_sockaddr given;
	address__clear(to);
	if (bpf_probe_read_kernel(&given, sizeof(given), from))
		return false;
	to->family = given.family;
	to->port = swap16(given.port);
	if (given.family == AF_INET)
		address__ipv4(to, given.flow_or_ip);
	else if (given.family == AF_INET6)
		__builtin_memcpy(to->address, given.ipv6, 16);
	else
		return false;
	return true;
}

NOINLINE int lsm__net(struct socket *socket, const void *sockaddr, u32 direction)
{
	struct actor actor;
	struct socket_address address;
	if (!sockaddr || !actor__find(&actor) || !sockaddr__read(&address, sockaddr))
		return 0;
	if (direction != NET_BIND) {
		struct socket_address bound, remote;
		sock__addresses(READ(socket, sk), address.family, &bound, &remote);
		net__canonical(&address, &bound);
	}
	u32 refusal = net__refusal(actor.watch, direction, &address);
	if (!refusal)
		return 0;
	bool binds = direction == NET_BIND;
	u32 kind = binds ? KIND_BIND : direction == NET_SEND ? KIND_SEND : KIND_CONNECT;
	struct lsm_event *event = lsm__begin(&actor, kind,
					     binds ? HOOK_BIND : direction == NET_SEND ? HOOK_SENDMSG : HOOK_CONNECT,
					     refusal, true);
	if (event) {
		event->remote = address;
		lsm__end(event);
	}
	return -EPERM;
}

HOOK("socket_connect")
int lsm__connect(u64 *ctx)
{
	return (int)ctx[3] ? -EPERM : lsm__net(ARGUMENT(ctx, 0, struct socket *), ARGUMENT(ctx, 1, void *), NET_CONNECT);
}

HOOK("socket_bind")
int lsm__bind(u64 *ctx)
{
	return (int)ctx[3] ? -EPERM : lsm__net(ARGUMENT(ctx, 0, struct socket *), ARGUMENT(ctx, 1, void *), NET_BIND);
}

/* ---- containers ---- */

/* This object's own copy of the watched cgroups follows the hierarchy as the sensor's does. */
PROGRAM("cgroup_mkdir")
int lsm__inherit(u64 *ctx)
{
	watch__inherit(ARGUMENT(ctx, 0, struct cgroup *));
	return 0;
}

PROGRAM("cgroup_rmdir")
int lsm__forget(u64 *ctx)
{
	watch__forget(ARGUMENT(ctx, 0, struct cgroup *));
	return 0;
}

/* ---- the rest: refused as a whole ---- */

NOINLINE int lsm__refuse(u32 flag, u32 kind, u32 hook, u64 first, u64 second)
{
	struct actor actor;
	if (!actor__find(&actor) || !(actor.watch->flags & flag))
		return 0;
	struct lsm_event *event = lsm__begin(&actor, kind, hook, 0, true);
	if (event) {
		event->argument[0] = first;
		event->argument[1] = second;
		lsm__end(event);
	}
	return -EPERM;
}

HOOK("sb_mount")
int lsm__mount(u64 *ctx)
{
	return (int)ctx[5] ? -EPERM : lsm__refuse(WATCH_DENY_MOUNT, KIND_MOUNT, HOOK_MOUNT, ctx[3], 0);
}

HOOK("move_mount")
int lsm__move_mount(u64 *ctx)
{
	return (int)ctx[2] ? -EPERM : lsm__refuse(WATCH_DENY_MOUNT, KIND_MOUNT, HOOK_MOUNT, 0, 1);
}

/* A socket whose traffic no hook asks about. Packet sockets come only here. */
HOOK("socket_create")
int lsm__socket(u64 *ctx)
{
	int earlier = (int)ctx[4];
	u32 family = ctx[0], type = ctx[1], protocol = ctx[2];
	if (earlier || (u32)ctx[3] || socket__is_asked_about(family, type, protocol))
		return earlier ? -EPERM : 0;
	return lsm__refuse(WATCH_NET_SOCKETS, KIND_SOCKET, HOOK_SOCKET, (u64)family << 32 | type, protocol);
}

/* Reading /proc/PID/environ, mem, maps and process_vm_readv come here too: only attaching (mode
 * PTRACE_MODE_ATTACH, 2) to a process of another executable is refused. */
#define PTRACE_MODE_ATTACH 2

HOOK("ptrace_access_check")
int lsm__ptrace(u64 *ctx)
{
	int earlier = (int)ctx[2];
	struct task_struct *target = TASK(ctx, 0);
	if (earlier || !(ctx[1] & PTRACE_MODE_ATTACH))
		return earlier ? -EPERM : 0;
	struct seen_key mine = {}, theirs = {};
	actor__fill(&mine, task__current());
	actor__fill(&theirs, target);
	if (mine.actor == theirs.actor && mine.device == theirs.device)
		return 0;
	return lsm__refuse(WATCH_DENY_PTRACE, KIND_PTRACE, HOOK_PTRACE, ctx[1], READ(target, tgid));
}

/* The arguments after the command changed with 6.15 (a `kernel` flag came before the answer): the
 * answer is not read. */
HOOK("bpf")
int lsm__bpf(u64 *ctx)
{
	return lsm__refuse(WATCH_DENY_BPF, KIND_BPF, HOOK_BPF, (u32)ctx[0], 0);
}

HOOK("kernel_module_request")
int lsm__module_request(u64 *ctx)
{
	return (int)ctx[1] ? -EPERM : lsm__refuse(WATCH_DENY_MODULE, KIND_MODULE, HOOK_MODULE, 0, 0);
}

/* READING_MODULE is 2, LOADING_MODULE the same: finit_module and init_module. */
#define READING_MODULE 2

HOOK("kernel_read_file")
int lsm__module_file(u64 *ctx)
{
	int earlier = (int)ctx[3];
	if (earlier || (u32)ctx[1] != READING_MODULE)
		return earlier ? -EPERM : 0;
	return lsm__refuse(WATCH_DENY_MODULE, KIND_MODULE, HOOK_MODULE, 1, 0);
}

HOOK("kernel_load_data")
int lsm__module_data(u64 *ctx)
{
	int earlier = (int)ctx[2];
	if (earlier || (u32)ctx[0] != READING_MODULE)
		return earlier ? -EPERM : 0;
	return lsm__refuse(WATCH_DENY_MODULE, KIND_MODULE, HOOK_MODULE, 2, 0);
}
