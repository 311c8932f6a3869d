/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Which destination may be reached: the same answer for the cgroup hooks and for BPF-LSM. */
#ifndef PALISADE_NET_H
#define PALISADE_NET_H

#include "helpers.h"

/* The first range with this port. */
INLINE const struct net_range *net__range(const struct net_verdict *verdict, u16 port)
{
	for (int i = 0; i < NET_RANGES; i++) {
		if (i >= verdict->ranges)
			break;
		if (port >= verdict->range[i].low && port <= verdict->range[i].high)
			return &verdict->range[i];
	}
	return NULL;
}

/* To an address of none: the machine itself (tcp_v4_connect and tcp_v6_connect call it a BSD'ism). An IPv6
 * socket that is bound to an IPv4 address means 127.0.0.1 by it. `bound`: the address that the socket has by
 * now, by which an IPv4 one goes to itself. */
INLINE void net__canonical(struct socket_address *address, const struct socket_address *bound)
{
	u32 *word = (u32 *)address->address;
	const u32 *own = (const u32 *)bound->address;
	if (address->family == AF_INET) {
		if (!word[0])
			word[0] = own[0] ? own[0] : swap32(0x7f000001);
		return;
	}
	if (word[0] | word[1] | word[3] || (word[2] && word[2] != swap32(0xffff)))
		return;
	bool mapped = own[2] == swap32(0xffff) && !(own[0] | own[1]);
	if (word[2])
		word[3] = mapped && own[3] ? own[3] : swap32(0x7f000001);
	else if (mapped)
		word[2] = swap32(0xffff), word[3] = swap32(0x7f000001);
	else
		word[3] = swap32(1);
}

/* Whether the hooks of connect, bind and send are asked about a socket's traffic. Raw, ping, SCTP, UDP-Lite,
 * DCCP and L2TP sockets send without them, and what is not of the internet never comes to them. */
INLINE bool socket__is_asked_about(u32 family, u32 type, u32 protocol)
{
	switch (family) {
	case AF_UNIX:
	case AF_NETLINK:
	case AF_KEY:
	case AF_ALG:
		return true;
	case AF_INET:
	case AF_INET6:
		break;
	default:
		return false;
	}
	type &= SOCK_TYPE_MASK;
	if (type == SOCK_STREAM)
		return !protocol || protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
	return type == SOCK_DGRAM && (!protocol || protocol == IPPROTO_UDP);
}

INLINE struct net_verdict *net__find(u64 container, u32 direction, const struct socket_address *address)
{
	struct net_key key = { .prefix = 224, .direction = swap32(direction), .cgroup = container };
	if (address->family == AF_INET) {
		key.address[10] = 0xff;
		key.address[11] = 0xff;
		__builtin_memcpy(&key.address[12], address->address, 4);
	} else {
		__builtin_memcpy(key.address, address->address, 16);
	}
	return bpf_map_lookup_elem(&net_verdicts, &key);
}

/* 0: may pass; otherwise the rule with NET_DENY, or u32::MAX when what is not listed is refused. */
NOINLINE u32 net__refusal(const struct watch *watch, u32 direction, const struct socket_address *address)
{
	if (!(watch->flags & (WATCH_NET_RULES | WATCH_NET_UNLISTED)))
		return 0;
	struct net_verdict *verdict = net__find(watch->id, direction, address);
	const struct net_range *range = verdict ? net__range(verdict, address->port) : NULL;
	if (range)
		return range->rule & NET_DENY ? range->rule : 0;
	return watch->flags & WATCH_NET_UNLISTED && direction != NET_BIND ? 0xffffffff : 0;
}

#endif
