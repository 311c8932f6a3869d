/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Connections, binds and sends refused in the kernel, and DNS seen on the wire.
 *
 * Attached once, at the root of the unified hierarchy: containers made later are covered before
 * their first packet. These hooks get the kernel's copy of the address, whatever way the call came
 * (io_uring too).
 */
#include "net.h"

#define ALLOWED 1
#define REFUSED 0

#define PORT_DNS 53
#define PORT_MDNS 5353

/* The address that the caller gave, from the kernel's copy. Fields of the context are loaded one by
 * one: the verifier rewrites each access. */
INLINE void hook__ipv4(struct bpf_sock_addr *ctx, struct socket_address *address)
{
	address->family = AF_INET;
	address->port = swap16(ctx->user_port);
	address__ipv4(address, ctx->user_ip4);
}

INLINE void hook__ipv6(struct bpf_sock_addr *ctx, struct socket_address *address)
{
	u32 word[4] = { ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3] };
	address->family = AF_INET6;
	address->port = swap16(ctx->user_port);
	__builtin_memcpy(address->address, word, 16);
}

/* The address that the socket has by now. */
INLINE void hook__bound(struct bpf_sock_addr *ctx, u32 direction, bool ipv6, struct socket_address *bound)
{
	u32 *word = (u32 *)bound->address;
	if (!ipv6 && direction == NET_SEND) {
		word[0] = ctx->msg_src_ip4;
		return;
	}
	struct bpf_sock *sock = ctx->sk;
	if (!sock)
		return;
	if (!ipv6) {
		word[0] = sock->src_ip4;
		return;
	}
	word[0] = sock->src_ip6[0];
	word[1] = sock->src_ip6[1];
	word[2] = sock->src_ip6[2];
	word[3] = sock->src_ip6[3];
}

struct hook {
	struct socket_address address;
	u64 cookie;
	u32 direction;
	u16 type;
	u16 protocol;
};

INLINE void hook__report(const struct hook *hook, struct task_struct *task, u64 cgroup,
			 u32 kind, u32 refusal)
{
	struct socket_event *event = record__reserve(sizeof(*event), kind, cgroup);
	if (!event)
		return;
	header__fill(&event->header, task, kind, cgroup);
	if (refusal)
		event->header.flags = EVENT_DENIED;
	event->suppressed = 0;
	event->result = refusal ? -EPERM : 0;
	event->cookie = hook->cookie;
	event->inode = 0;
	event->family = hook->address.family;
	event->type = hook->type;
	event->protocol = hook->protocol;
	event->state = 0;
	event->flags = SOCKET_REMOTE_HOOK;
	address__clear(&event->local);
	address__clear(&event->remote);
	if (hook->direction == NET_BIND)
		event->local = hook->address;
	else
		event->remote = hook->address;
	text__clear(&event->path);
	event->verdict = refusal;
	record__submit(event, sizeof(*event), refusal ? BPF_RB_FORCE_WAKEUP : 0);
}

INLINE bool send__is_new(const struct hook *hook, const struct settings *settings, struct task_struct *task,
			 u64 cgroup)
{
	const u64 *half = (const u64 *)hook->address.address;
	struct seen_key key = {
		.cgroup = cgroup,
		.object = { half[0], half[1] },
		.detail = (u64)KIND_SEND << 48 | hook->address.port,
	};
	u64 suppressed;
	actor__fill(&key, task);
	if (settings->dedup_window && !seen__is_new(&key, settings->dedup_window, 1, &suppressed))
		return false;
	return rate__passes(settings, KIND_SEND, cgroup);
}

/* An io_uring worker never ends a system call, so that its connect is told here. */
INLINE void connect__keep(const struct hook *hook, struct task_struct *task, u32 refusal)
{
	u64 thread = (u64)FIELD(task, tgid) << 32 | (u32)FIELD(task, pid);
	struct destination *place = destination__place(thread);
	if (place && (!place->thread || place->thread == thread)) {
		place->remote = hook->address;
		place->cookie = hook->cookie;
		place->verdict = refusal;
		place->thread = thread;
		return;
	}
	struct destination destination = {
		.remote = hook->address,
		.thread = thread,
		.cookie = hook->cookie,
		.verdict = refusal,
	};
	bpf_map_update_elem(&destinations_more, &thread, &destination, BPF_ANY);
}

/* By the socket's cookie, and not deduplicated: every look-up of a name has a socket of its own. */
INLINE void owner__keep(const struct hook *hook, struct task_struct *task)
{
	struct task_struct *leader = FIELD(task, group_leader);
	struct owner owner = {
		.start = FIELD(leader, start_boottime),
		.tgid = FIELD(task, tgid),
	};
	bpf_map_update_elem(&owners, &hook->cookie, &owner, BPF_ANY);
}

/* For every socket of the internet that a process makes. */
NOINLINE int socket__decide(const struct hook *hook)
{
	struct settings *settings = settings__get();
	struct task_struct *task = task__current();
	if (!settings || FIELD(task, tgid) == settings->self_tgid)
		return ALLOWED;
	u64 cgroup = task__cgroup(task, settings);
	struct watch *watch = watch__of(cgroup, settings);
	if (!watch || !(watch->flags & WATCH_NET_SOCKETS))
		return ALLOWED;
	if (rate__passes(settings, KIND_SOCKET, cgroup))
		hook__report(hook, task, cgroup, KIND_SOCKET, 0xffffffff);
	return REFUSED;
}

NOINLINE int hook__decide(const struct hook *hook)
{
	struct settings *settings = settings__get();
	struct task_struct *task = task__current();
	if (!settings || FIELD(task, tgid) == settings->self_tgid)
		return ALLOWED;
	u64 cgroup = task__cgroup(task, settings);
	struct watch *watch = watch__of(cgroup, settings);
	if (!watch)
		return ALLOWED;
	u32 refusal = net__refusal(watch, hook->direction, &hook->address);
	if (refusal) {
		u32 kind = hook->direction == NET_BIND ? KIND_BIND : hook->direction == NET_SEND ? KIND_SEND : KIND_CONNECT;
		if (rate__passes(settings, kind, cgroup))
			hook__report(hook, task, cgroup, kind, refusal);
		if (kind == KIND_CONNECT)
			connect__keep(hook, task, refusal); /* said: the call's end need not repeat it */
		return REFUSED;
	}
	if (hook->direction != NET_BIND && (hook->address.port == PORT_DNS || hook->address.port == PORT_MDNS))
		owner__keep(hook, task);
	if (hook->direction == NET_SEND && watch__wants(watch, KIND_SEND) && send__is_new(hook, settings, task, cgroup))
		hook__report(hook, task, cgroup, KIND_SEND, 0);
	if (hook->direction != NET_CONNECT || !watch__wants(watch, KIND_CONNECT))
		return ALLOWED;
	if (FIELD(task, flags) & PF_IO_WORKER)
		hook__report(hook, task, cgroup, KIND_CONNECT, 0);
	else
		connect__keep(hook, task, 0);
	return ALLOWED;
}

INLINE int hook__run(struct bpf_sock_addr *ctx, u32 direction, bool ipv6)
{
	struct hook hook = { .direction = direction };
	if (ipv6)
		hook__ipv6(ctx, &hook.address);
	else
		hook__ipv4(ctx, &hook.address);
	if (direction != NET_BIND) {
		struct socket_address bound = {};
		hook__bound(ctx, direction, ipv6, &bound);
		net__canonical(&hook.address, &bound);
	}
	hook.type = ctx->type;
	hook.protocol = ctx->protocol;
	hook.cookie = bpf_get_socket_cookie(ctx);
	return hook__decide(&hook);
}

SEC("cgroup/connect4")
int cgroup__connect4(struct bpf_sock_addr *ctx)
{
	return hook__run(ctx, NET_CONNECT, false);
}

SEC("cgroup/connect6")
int cgroup__connect6(struct bpf_sock_addr *ctx)
{
	return hook__run(ctx, NET_CONNECT, true);
}

SEC("cgroup/bind4")
int cgroup__bind4(struct bpf_sock_addr *ctx)
{
	return hook__run(ctx, NET_BIND, false);
}

SEC("cgroup/bind6")
int cgroup__bind6(struct bpf_sock_addr *ctx)
{
	return hook__run(ctx, NET_BIND, true);
}

SEC("cgroup/sendmsg4")
int cgroup__sendmsg4(struct bpf_sock_addr *ctx)
{
	return hook__run(ctx, NET_SEND, false);
}

SEC("cgroup/sendmsg6")
int cgroup__sendmsg6(struct bpf_sock_addr *ctx)
{
	return hook__run(ctx, NET_SEND, true);
}

SEC("cgroup/sock_create")
int cgroup__socket(struct bpf_sock *ctx)
{
	struct hook hook = { .direction = NET_CONNECT };
	hook.address.family = ctx->family;
	hook.type = ctx->type;
	hook.protocol = ctx->protocol;
	if (socket__is_asked_about(hook.address.family, hook.type, hook.protocol))
		return ALLOWED;
	return socket__decide(&hook);
}

/* ---- DNS ---- */

#define DNS_HEADER 12

struct packet {
	struct socket_address source;
	struct socket_address target;
	u32 offset; /* of the transport header, then of the message */
	u8 protocol;
};

/* Extension headers are not followed: a question behind one is not seen. */
INLINE bool packet__addresses(struct __sk_buff *skb, struct packet *packet)
{
	u8 first = 0;
	if (bpf_skb_load_bytes(skb, 0, &first, 1))
		return false;
	if (first >> 4 == 4) {
		packet->offset = (first & 15) * 4;
		packet->source.family = packet->target.family = AF_INET;
		return !bpf_skb_load_bytes(skb, 9, &packet->protocol, 1) &&
		       !bpf_skb_load_bytes(skb, 12, packet->source.address, 4) &&
		       !bpf_skb_load_bytes(skb, 16, packet->target.address, 4);
	}
	packet->offset = 40;
	packet->source.family = packet->target.family = AF_INET6;
	return !bpf_skb_load_bytes(skb, 6, &packet->protocol, 1) &&
	       !bpf_skb_load_bytes(skb, 8, packet->source.address, 16) &&
	       !bpf_skb_load_bytes(skb, 24, packet->target.address, 16);
}

INLINE bool packet__ports(struct __sk_buff *skb, struct packet *packet)
{
	u16 ports[2];
	if (bpf_skb_load_bytes(skb, packet->offset, ports, sizeof(ports)))
		return false;
	packet->source.port = swap16(ports[0]);
	packet->target.port = swap16(ports[1]);
	return packet->source.port == PORT_DNS || packet->target.port == PORT_DNS ||
	       packet->source.port == PORT_MDNS || packet->target.port == PORT_MDNS;
}

/* Moves to the message. Over TCP only a segment that starts with a whole length prefix is taken:
 * there is no reassembly here. */
INLINE bool packet__message(struct __sk_buff *skb, struct packet *packet)
{
	if (packet->protocol == IPPROTO_UDP) {
		packet->offset += 8;
		return true;
	}
	u8 words = 0;
	if (bpf_skb_load_bytes(skb, packet->offset + 12, &words, 1))
		return false;
	packet->offset += (words >> 4) * 4;
	u16 length = 0;
	if (bpf_skb_load_bytes(skb, packet->offset, &length, 2) || swap16(length) < DNS_HEADER)
		return false;
	packet->offset += 2;
	return true;
}

INLINE bool packet__is_dns(struct __sk_buff *skb, struct packet *packet)
{
	if (!packet__addresses(skb, packet))
		return false;
	if (packet->protocol != IPPROTO_UDP && packet->protocol != IPPROTO_TCP)
		return false;
	return packet__ports(skb, packet) && packet__message(skb, packet);
}

INLINE bool dns__copy(struct __sk_buff *skb, struct dns_event *event, const struct packet *packet)
{
	if (skb->len < packet->offset + DNS_HEADER)
		return false;
	u32 length = skb->len - packet->offset;
	event->length = length;
	u32 captured = length > DNS_BYTES - 1 ? DNS_BYTES - 1 : length;
	BARRIER(captured);
	captured &= DNS_BYTES - 1;
	BARRIER(captured);
	/* Verifiers before 6.8 learn nothing from a comparison with zero. */
	if (captured < DNS_HEADER || captured > DNS_BYTES - 1 || bpf_skb_load_bytes(skb, packet->offset, event->payload, captured))
		return false;
	event->captured = captured;
	return true;
}

/* The packet's cgroup is its socket's: in an interrupt, nothing else says whose it is. The process
 * is the one that last connected or sent by that socket. */
INLINE void header__without_task(struct event_header *header, u32 kind, u64 cgroup, u64 cookie)
{
	__builtin_memset(header, 0, sizeof(*header));
	header->version = ABI_VERSION;
	header->kind = kind;
	header->time = bpf_ktime_get_boot_ns();
	header->cpu = bpf_get_smp_processor_id();
	header->flags = EVENT_NO_TASK;
	header->cgroup = cgroup;
	struct owner *owner = bpf_map_lookup_elem(&owners, &cookie);
	if (!owner)
		return;
	header->tgid = owner->tgid;
	header->start = owner->start;
}

/* RFC 1035, 4.1.1: the QR bit. A server in the container sends answers and takes questions. */
INLINE u32 dns__kind(struct __sk_buff *skb, const struct packet *packet)
{
	u8 flags = 0;
	bpf_skb_load_bytes(skb, packet->offset + 2, &flags, 1);
	return flags & 0x80 ? KIND_DNS_ANSWER : KIND_DNS_QUESTION;
}

INLINE bool port__is_dns(u32 port)
{
	return port == PORT_DNS || port == PORT_MDNS;
}

/* This runs for every packet of the host, and nearly all are of connections to other ports: their sockets
 * say so, and the packet is not looked at. */
INLINE bool socket__may_be_dns(struct __sk_buff *skb)
{
	struct bpf_sock *sock = skb->sk;
	if (!sock)
		return true;
	u32 remote = swap16(sock->dst_port & 0xffff);
	if (port__is_dns(remote) || port__is_dns(sock->src_port))
		return true;
	/* Without a peer: a TCP listener, to which nothing is said yet, or a datagram socket. */
	return !remote && sock->state != TCP_LISTEN;
}

INLINE int dns__see(struct __sk_buff *skb, bool outgoing)
{
	struct packet packet = {};
	if (!socket__may_be_dns(skb) || !packet__is_dns(skb, &packet))
		return ALLOWED;
	struct settings *settings = settings__get();
	if (!settings)
		return ALLOWED;
	u64 cgroup = bpf_skb_cgroup_id(skb);
	struct watch *watch = watch__of(cgroup, settings);
	u32 kind = dns__kind(skb, &packet);
	if (!watch || !watch__wants(watch, kind) || !rate__passes(settings, kind, cgroup))
		return ALLOWED;
	struct dns_event *event = record__reserve(sizeof(*event), kind, cgroup);
	if (!event)
		return ALLOWED;
	event->cookie = bpf_get_socket_cookie(skb);
	header__without_task(&event->header, kind, cgroup, event->cookie);
	event->local = outgoing ? packet.source : packet.target;
	event->remote = outgoing ? packet.target : packet.source;
	event->outgoing = outgoing;
	event->protocol = packet.protocol;
	event->captured = 0;
	if (!dns__copy(skb, event, &packet)) {
		bpf_ringbuf_discard(event, 0);
		return ALLOWED;
	}
	record__submit(event, sizeof(*event), 0);
	return ALLOWED;
}

SEC("cgroup_skb/egress")
int cgroup__egress(struct __sk_buff *skb)
{
	return dns__see(skb, true);
}

SEC("cgroup_skb/ingress")
int cgroup__ingress(struct __sk_buff *skb)
{
	return dns__see(skb, false);
}
