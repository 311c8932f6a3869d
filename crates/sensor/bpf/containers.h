/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The watched cgroups follow the hierarchy. */
#ifndef PALISADE_CONTAINERS_H
#define PALISADE_CONTAINERS_H

#include "helpers.h"

INLINE u64 cgroup__parent(struct cgroup *cgroup)
{
	struct cgroup___self *form = (void *)cgroup;
	struct cgroup_subsys_state *parent = FIELD(form, self.parent);
	struct cgroup *above = FIELD(parent, cgroup);
	return cgroup__id(above);
}

/* A child made inside a watched container (systemd, nested runtimes, cgroup namespaces) is watched
 * from its first moment, with no round through user space. */
INLINE void watch__inherit(struct cgroup *cgroup)
{
	u64 id = cgroup__id(cgroup), parent = cgroup__parent(cgroup);
	struct watch *watch = bpf_map_lookup_elem(&watched, &parent);
	if (!watch)
		return;
	struct watch inherited = { .kinds = watch->kinds, .id = watch->id, .flags = watch->flags };
	if (bpf_map_update_elem(&watched, &id, &inherited, BPF_NOEXIST) == -E2BIG)
		loss__count(KIND_CGROUP, inherited.id, LOSS_UNWATCHED);
}

INLINE void watch__forget(struct cgroup *cgroup)
{
	u64 id = cgroup__id(cgroup);
	bpf_map_delete_elem(&watched, &id);
}

#endif
