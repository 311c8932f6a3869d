/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* cgroups come and go: how containers are found before their first exec. */
#include "containers.h"
#include "tracepoint.h"

INLINE struct watch *cgroup__watch(struct cgroup *cgroup)
{
	u64 id = cgroup__id(cgroup);
	return bpf_map_lookup_elem(&watched, &id);
}

/* Counts for the container that a cgroup is inside of, or for all that are in none: one that makes, enters and
 * removes cgroups in a loop takes its own share of the ring and no other's. */
INLINE bool cgroup__passes(const struct watch *watch)
{
	struct settings *settings = settings__get();
	return settings && rate__passes(settings, KIND_CGROUP, watch ? watch->id : 0);
}

NOINLINE int cgroup__report(struct cgroup *cgroup, const char *path, struct task_struct *task, u32 change)
{
	struct settings *settings = settings__get();
	struct scratch *scratch = scratch__take(SLOT_CGROUP);
	if (!settings || !scratch)
		return 0;
	struct cgroup_event *event = (void *)scratch->data;
	record__begin(scratch, sizeof(*event));
	header__fill(&event->header, task, KIND_CGROUP, task__cgroup(task, settings));
	event->cgroup = cgroup__id(cgroup);
	event->parent = cgroup__parent(cgroup);
	event->change = change;
	event->level = READ(cgroup, level);
	struct cgroup_root *root = READ(cgroup, root);
	event->hierarchy = READ(root, hierarchy_id);
	text__kernel_string(scratch, &event->path, path);
	return record__send(scratch);
}

PROGRAM("cgroup_mkdir")
int containers__created(u64 *ctx)
{
	struct cgroup *cgroup = ARGUMENT(ctx, 0, struct cgroup *);
	watch__inherit(cgroup);
	struct watch *watch = cgroup__watch(cgroup);
	if (!cgroup__passes(watch))
		return 0;
	if (watch)
		watch->told = 1;
	return cgroup__report(cgroup, ARGUMENT(ctx, 1, const char *), task__current(), CGROUP_CREATED);
}

/* The end of what was told is told, whatever the rate: there are no more of them, and user space holds what it
 * was told of until then. */
PROGRAM("cgroup_rmdir")
int containers__removed(u64 *ctx)
{
	struct cgroup *cgroup = ARGUMENT(ctx, 0, struct cgroup *);
	struct watch *watch = cgroup__watch(cgroup);
	bool told = (watch && watch->told) || cgroup__passes(watch);
	watch__forget(cgroup);
	return told ? cgroup__report(cgroup, ARGUMENT(ctx, 1, const char *), task__current(), CGROUP_REMOVED) : 0;
}

/* A task put into a cgroup: the runtime's last step before a container runs, and also the way out
 * of one. */
PROGRAM("cgroup_attach_task")
int containers__joined(u64 *ctx)
{
	struct cgroup *cgroup = ARGUMENT(ctx, 0, struct cgroup *);
	struct task_struct *task = ARGUMENT(ctx, 2, struct task_struct *);
	if (!cgroup__passes(cgroup__watch(cgroup)))
		return 0;
	return cgroup__report(cgroup, ARGUMENT(ctx, 1, const char *), task, CGROUP_JOINED);
}
