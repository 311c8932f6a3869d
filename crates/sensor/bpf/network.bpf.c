/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* socket, connect, accept, bind, listen, sendto: told from the socket, which the kernel holds. */
#include "syscall.h"

/* A UNIX socket's name: its own, or for connect its peer's. Bound names do not change. */
NOINLINE void unix__name(struct scratch *scratch, struct text *text, struct sock *sock, bool of_peer)
{
	text__clear(text);
	struct unix_sock *owner = (struct unix_sock *)sock;
	if (of_peer)
		owner = (struct unix_sock *)READ(owner, peer);
	struct unix_address *address = READ(owner, addr);
	if (!address)
		return;
	u32 start = record__end(scratch);
	u64 bytes = READ(address, len);
	if (bytes <= 2 || bytes > 110)
		return;
	/* Past sun_family; the length covers an abstract name's leading NUL. */
	u32 length = (bytes - 2) & 127;
	BARRIER(length);
	length &= 127;
	if (bpf_probe_read_kernel(&scratch->data[start], length,
				  (u8 *)address + FIELD_OFFSET(struct unix_address, name) + 2))
		return;
	text->offset = start;
	text->length = length;
	scratch->end = start + length;
}

#define UNIX_NAME 108

/* The name that a call was given and that came to nothing: no socket has it. */
NOINLINE void unix__name_given(struct scratch *scratch, struct socket_event *event, const u8 *from, u64 bytes)
{
	u16 family = 0;
	bpf_probe_read_user(&family, sizeof(family), from);
	if (family != AF_UNIX || bytes <= 2 || bytes > 2 + UNIX_NAME)
		return;
	u32 start = record__end(scratch);
	u32 length = (bytes - 2) & 127;
	BARRIER(length);
	length &= 127;
	if (bpf_probe_read_user(&scratch->data[start], length, from + 2))
		return;
	event->path.offset = start;
	event->path.length = length;
	event->flags |= SOCKET_REMOTE_USER;
	event->header.flags |= EVENT_USER_MEMORY;
	scratch->end = start + length;
}

/* struct sockaddr_in and sockaddr_in6, as user space has them. */
struct user_address {
	u16 family;
	u16 port;
	u32 flow_or_ip;
	u8 ipv6[16];
	u32 scope;
};

NOINLINE bool address__from_user(struct socket_address *address, const void *from)
{
	struct user_address given = {};
	if (bpf_probe_read_user(&given, 16, from))
		return false;
	if (given.family == AF_INET) {
		address__clear(address);
		address->family = AF_INET;
		address->port = swap16(given.port);
		address__ipv4(address, given.flow_or_ip);
		return true;
	}
	if (given.family != AF_INET6 || bpf_probe_read_user(&given, sizeof(given), from))
		return false;
	address__clear(address);
	address->family = AF_INET6;
	address->port = swap16(given.port);
	address->scope = given.scope;
	__builtin_memcpy(address->address, given.ipv6, 16);
	return true;
}

/* What the cgroup hook kept of this thread's connect. True if it was refused there, and so told. */
INLINE bool connect__kept(struct socket_event *event)
{
	u64 thread = bpf_get_current_pid_tgid();
	struct destination *kept = destination__of(thread);
	if (!kept)
		return false;
	event->remote = kept->remote;
	event->cookie = kept->cookie;
	event->flags |= SOCKET_REMOTE_HOOK;
	bool refused = kept->verdict;
	kept->thread = 0;
	return refused;
}

/* Who says it best: the cgroup hook's copy; else the connected socket; else the user's memory, since
 * a refused connection leaves nothing in the socket. */
INLINE void connect__remote(struct socket_event *event, const struct call *call)
{
	if (event->remote.family)
		return;
	s8 index = call->shape.path; /* here: the argument with the address */
	u64 from = index >= 0 ? call__argument(call, index) : 0;
	if (!from || !address__from_user(&event->remote, (void *)from))
		return;
	event->flags |= SOCKET_REMOTE_USER;
	event->header.flags |= EVENT_USER_MEMORY;
}

/* The socket behind a file, and the number of its inode; NULL for other files. */
INLINE struct sock *file__socket(struct file *file, u64 *number)
{
	file_copy copy;
	if (bpf_probe_read_kernel(copy, sizeof(copy), file))
		return NULL;
	struct inode *inode = READ_FROM(&copy, file, struct file, f_inode);
	inode_copy start = {};
	bpf_probe_read_kernel(start, sizeof(start), inode);
	*number = READ_FROM(&start, inode, struct inode, i_ino);
	return sock__of(READ_FROM(&start, inode, struct inode, i_mode),
			READ_FROM(&copy, file, struct file, private_data));
}

NOINLINE void socket__describe(struct socket_event *event, struct sock *sock)
{
	sock_copy copy = {};
	bpf_probe_read_kernel(copy, sizeof(copy), sock);
	event->family = READ_FROM(&copy, sock, struct sock, __sk_common.skc_family);
	event->type = READ(sock, sk_type);
	event->protocol = READ(sock, sk_protocol);
	event->state = READ_FROM(&copy, sock, struct sock, __sk_common.skc_state);
	event->cookie = READ_FROM(&copy, sock, struct sock, __sk_common.skc_cookie.counter);
	event->flags = 0;
	event->verdict = 0;
	sock__addresses_from(sock, &copy, event->family, &event->local, &event->remote);
}

/* Sockets are made all the time: only kinds that see or forge packets, or talk to the kernel in ways
 * that exploits like, are reported. */
INLINE bool socket__is_notable(u16 family, u16 type)
{
	switch (family) {
	case AF_INET:
	case AF_INET6:
		return type == SOCK_RAW;
	case AF_UNIX:
	case 16: /* AF_NETLINK: every getifaddrs makes one */
		return false;
	}
	return true; /* AF_PACKET, AF_ALG, AF_VSOCK, AF_XDP, ... */
}

/* Who guesses passwords comes again and again to one place: that many of a window are told. */
#define NETWORK_BURST 32

INLINE bool socket__passes(const struct call *call, const struct socket_event *event, u64 *suppressed)
{
	u16 kind = call->shape.kind;
	if (kind == KIND_SOCKET && !socket__is_notable(event->family, event->type))
		return false;
	/* Destinations by address and port; accepted peers by address, since their ports are random. */
	u64 port = kind == KIND_ACCEPT ? event->local.port : event->remote.port ^ (u64)event->local.port << 16;
	if (kind == KIND_CONNECT || kind == KIND_SEND)
		port = event->remote.port;
	const struct socket_address *address = kind == KIND_BIND || kind == KIND_LISTEN ? &event->local : &event->remote;
	const u64 *half = (const u64 *)address->address;
	struct seen_key key = {
		.object = { half[0], half[1] },
		.detail = (u64)kind << 48 | (u64)event->protocol << 40 | (u64)(call->result < 0) << 39 | port,
	};
	actor__fill(&key, call->task);
	if (event->family == AF_UNIX)
		key.object[0] = event->inode;
	return call__is_new(call, &key, kind == KIND_CONNECT || kind == KIND_ACCEPT ? NETWORK_BURST : 1, suppressed);
}

SYSCALL_PROGRAM
int network__call(u64 *ctx)
{
	struct call call = {};
	if (!call__read(&call, ctx))
		return 0;
	u64 inode = 0;
	struct sock *sock = file__socket(call__file(&call), &inode);
	if (!sock)
		return 0;
	struct scratch *scratch = scratch__take(SLOT_SYSCALL);
	if (!scratch)
		return 0;
	struct socket_event *event = (void *)scratch->data;
	record__begin(scratch, sizeof(*event));
	event->header.flags = call.flags;
	event->inode = inode;
	socket__describe(event, sock);
	u16 kind = call.shape.kind;
	if (kind == KIND_CONNECT && connect__kept(event))
		return 0;
	if (kind == KIND_CONNECT || kind == KIND_SEND)
		connect__remote(event, &call);
	u32 flags = event->header.flags;
	u64 suppressed = 0;
	if (!socket__passes(&call, event, &suppressed))
		return 0;
	header__fill(&event->header, call.task, kind, call.cgroup);
	event->header.flags = flags;
	event->suppressed = suppressed;
	event->result = call.result;
	text__clear(&event->path);
	if (event->family == AF_UNIX) {
		unix__name(scratch, &event->path, sock, kind == KIND_CONNECT);
		if (!event->path.length && (kind == KIND_CONNECT || kind == KIND_BIND) && call.result < 0)
			unix__name_given(scratch, event, (void *)call.argument[1], call.argument[2]);
	}
	return record__send(scratch);
}

/* io_uring_enter: a connect that was submitted in this call left its address with the cgroup hook,
 * and no connect(2) will come to fetch it. Which socket it was is not known: the cookie says. */
SYSCALL_PROGRAM
int network__ring(u64 *ctx)
{
	struct call call = {};
	u64 thread = bpf_get_current_pid_tgid();
	if (!destination__of(thread) || !call__read(&call, ctx))
		return 0;
	struct scratch *scratch = scratch__take(SLOT_SYSCALL);
	if (!scratch)
		return 0;
	struct socket_event *event = (void *)scratch->data;
	record__begin(scratch, sizeof(*event));
	__builtin_memset(event, 0, sizeof(*event));
	if (connect__kept(event) || !rate__passes(call.settings, KIND_CONNECT, call.cgroup))
		return 0;
	header__fill(&event->header, call.task, KIND_CONNECT, call.cgroup);
	event->header.flags = call.flags | EVENT_IO_URING;
	event->family = event->remote.family;
	return record__send(scratch);
}
