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

INLINE struct net_verdict *net__find(u64 cgroup, u32 direction, const struct socket_address *address)
{
	struct net_key key = { .prefix = 224, .direction = swap32(direction), .cgroup = cgroup };
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
NOINLINE u32 net__refusal(const struct watch *watch, u64 cgroup, u32 direction, const struct socket_address *address)
{
	if (!(watch->flags & (WATCH_NET_RULES | WATCH_NET_UNLISTED)))
		return 0;
	struct net_verdict *verdict = net__find(cgroup, direction, address);
	const struct net_range *range = verdict ? net__range(verdict, address->port) : NULL;
	if (range)
		return range->rule & NET_DENY ? range->rule : 0;
	return watch->flags & WATCH_NET_UNLISTED && direction != NET_BIND ? 0xffffffff : 0;
}

#endif
