/*
 * family.c - who belongs to the tree, and what their traces say about them. Outside.
 */
#include "tracer/collect/family.h"

#include "tracer/collect/program-name.h"

#include <stdio.h>
#include <string.h>

enum {
	MAX_ANCESTORS = 64,
	LOOK_COUNT = 32,
};

/* The loader of the next image may take its time on a busy machine. */
static const uint64_t successor_ns = UINT64_C(5000000000);

static const uint64_t look_ns = 50000000;

static void settle(struct mt_family *family, struct mt_tracee *tracee);

void mt_family_init(struct mt_family *family, const char *template, bool replaces)
{
	*family = (struct mt_family){.main_began = "run", .look_ns = UINT64_MAX};
	family->last_link = &family->first;
	mt_naming_init(&family->naming, template, replaces);
}

void mt_family_deinit(struct mt_family *family)
{
	mt_family_close(family);
	for (struct mt_tracee *t = family->first; t; t = t->next)
		settle(family, t);
	while (family->first) {
		struct mt_tracee *next = family->first->next;
		mt_tracee_destroy(family->first);
		family->first = next;
	}
	mt_naming_deinit(&family->naming);
}

struct mt_tracee *mt_family_find(const struct mt_family *family, uint32_t pid)
{
	for (struct mt_tracee *t = family->followed; t; t = t->next_followed)
		if (t->pid == pid && !t->is_finished)
			return t;
	return NULL;
}

struct mt_tracee *mt_family_main(const struct mt_family *family)
{
	struct mt_tracee *found = NULL;
	for (struct mt_tracee *t = family->first; t; t = t->next)
		if (t->pid == family->main_pid)
			found = t;
	return found;
}

bool mt_family_has_descendant(const struct mt_family *family, uint32_t pid)
{
	for (int i = 0; i < MAX_ANCESTORS && pid > 1; i++) {
		for (struct mt_tracee *t = family->followed; t; t = t->next_followed)
			if (t->pid == pid && !t->is_gone)
				return true;
		struct mt_kernel_stat stat;
		if (!mt_kernel_stat(pid, &stat))
			return false;
		pid = stat.parent_pid;
	}
	return false;
}

/* The image that the same process went on as; NULL: none has greeted. */
static const struct mt_tracee *find_successor(const struct mt_tracee *tracee)
{
	const struct mt_tracee *t = tracee->next;
	while (t && (t->pid != tracee->pid || t->start_time != tracee->start_time))
		t = t->next;
	return t;
}

/* It went on as a program that is not recorded. */
static int write_unrecorded(struct mt_tracee *tracee, struct mt_error *err)
{
	const struct mt_state_start *start =
		mt_starts_find(&tracee->starts, tracee->own_pid);
	const char *path = start && *start->path ? start->path : "unknown";
	int rc = mt_trace_file_meta_text(tracee->trace, "unrecorded", path, err);
	if (rc == 0 && start && start->has_no_environment)
		rc = mt_trace_file_meta_text(tracee->trace, "unrecorded_why",
					     "environment", err);
	return rc;
}

/*
 * What follows the image is known, or has been waited for long enough: its trace is
 * complete. The first file waits for the other processes.
 */
static void settle(struct mt_family *family, struct mt_tracee *tracee)
{
	struct mt_error err = {0};
	if (!tracee->is_finished || !tracee->trace || tracee == family->first)
		return;
	if (tracee->has_execed && !find_successor(tracee) &&
	    write_unrecorded(tracee, &err) < 0 && !tracee->failure.code)
		tracee->failure = err;
	mt_tracee_close(tracee);
}

void mt_family_add(struct mt_family *family, struct mt_tracee *tracee)
{
	struct mt_tracee *earlier = mt_family_find(family, tracee->pid);
	bool has_execed = false;
	for (struct mt_tracee *t = family->followed; t; t = t->next_followed)
		has_execed |= t->pid == tracee->pid && !t->is_gone &&
			      t->start_time == tracee->start_time;
	if (earlier && has_execed)
		mt_family_finish_execed(earlier);
	else if (earlier)
		mt_family_finish(family, earlier);
	const struct mt_tracee *parent = mt_family_parent(family, tracee);
	if (parent) {
		tracee->began = "fork";
		tracee->parent_pid = parent->pid;
		snprintf(tracee->program, sizeof tracee->program, "%s", parent->program);
	} else {
		bool is_main = tracee->pid == family->main_pid || !family->first;
		tracee->began = is_main && !has_execed ? family->main_began : "exec";
		mt_program_name_find(tracee);
	}
	/* The earlier image's pidfd tells the process's end as well; one is enough. */
	for (struct mt_tracee *t = family->followed; t; t = t->next_followed)
		if (t->pid == tracee->pid)
			t->is_gone = true;
	*family->last_link = tracee;
	family->last_link = &tracee->next;
	tracee->next_followed = family->followed;
	family->followed = tracee;
	for (struct mt_tracee *t = family->followed; t; t = t->next_followed)
		if (t != tracee && t->pid == tracee->pid)
			settle(family, t);
}

static void find_status(struct mt_tracee *tracee)
{
	if (!tracee->has_status)
		tracee->has_status = mt_kernel_exit_status(tracee->pid, tracee->pidfd,
							   &tracee->status);
}

/* Whether it was the process's last image: the one that its exit status is about. */
static const char *end_of(const struct mt_tracee *tracee)
{
	if (!tracee->has_status)
		return "unknown";
	return (tracee->status & 0x7f) ? "signal" : "exit";
}

void mt_family_finish(struct mt_family *family, struct mt_tracee *tracee)
{
	tracee->is_gone = true;
	find_status(tracee);
	mt_starts_read(&tracee->starts, &tracee->image);
	if (!tracee->is_finished) {
		tracee->has_execed =
			mt_starts_find(&tracee->starts, tracee->own_pid) != NULL;
		mt_tracee_finish(tracee, tracee->has_execed ? "exec" : end_of(tracee));
	}
	settle(family, tracee);
}

void mt_family_finish_execed(struct mt_tracee *tracee)
{
	mt_starts_read(&tracee->starts, &tracee->image);
	tracee->has_execed = true;
	mt_tracee_finish(tracee, "exec");
}

uint32_t mt_family_running(const struct mt_family *family)
{
	uint32_t count = 0;
	for (struct mt_tracee *t = family->followed; t; t = t->next_followed)
		count += !t->is_finished;
	return count;
}

uint32_t mt_family_living(const struct mt_family *family)
{
	uint32_t count = 0;
	for (struct mt_tracee *t = family->followed; t; t = t->next_followed)
		count += !t->is_gone;
	return count;
}

bool mt_family_has_silent_child(const struct mt_family *family)
{
	for (struct mt_tracee *t = family->followed; t; t = t->next_followed)
		if (t->is_gone && t->image.fd >= 0 && mt_image_is_mapped(&t->image))
			return true;
	return false;
}

/* Nothing comes of it any more, but for what a child may do with its state. */
static bool is_over(const struct mt_family *family, const struct mt_tracee *tracee)
{
	bool waits = tracee->trace && tracee != family->first;
	return tracee->is_finished && (tracee->is_gone || tracee->image.fd >= 0 || waits);
}

/* Sealing is dear where it succeeds, cheaper for many at once: the first drains for all. */
static bool is_time_to_look(struct mt_family *family, uint64_t now_ns)
{
	uint32_t over = 0;
	for (struct mt_tracee *t = family->followed; t; t = t->next_followed)
		over += is_over(family, t);
	if (!over)
		family->look_ns = UINT64_MAX;
	else if (family->look_ns == UINT64_MAX)
		family->look_ns = now_ns + look_ns;
	return over >= LOOK_COUNT || now_ns >= family->look_ns;
}

static void look_at(struct mt_family *family, struct mt_tracee *tracee, uint64_t now_ns)
{
	if (tracee->is_finished && tracee->finished_ns + successor_ns < now_ns)
		settle(family, tracee);
	if (tracee->is_finished && tracee->image.fd >= 0 &&
	    !mt_image_is_mapped(&tracee->image)) {
		mt_starts_read(&tracee->starts, &tracee->image);
		mt_image_close(&tracee->image);
	}
}

uint64_t mt_family_let_go(struct mt_family *family, uint64_t now_ns)
{
	if (!is_time_to_look(family, now_ns))
		return family->look_ns;
	struct mt_tracee **link = &family->followed;
	for (struct mt_tracee *t; (t = *link);) {
		look_at(family, t, now_ns);
		bool waits = t->trace && t != family->first;
		if (t->is_gone && t->is_finished && t->image.fd < 0 && !waits) {
			*link = t->next_followed;
			mt_tracee_let_go(t);
		} else {
			link = &t->next_followed;
		}
	}
	family->look_ns = family->followed ? now_ns + look_ns : UINT64_MAX;
	return family->look_ns;
}

static struct mt_bytes bytes_of(const char *text)
{
	return (struct mt_bytes){text, text ? strlen(text) : 0};
}

static int write_process(struct mt_family *family, const struct mt_tracee *t,
			 struct mt_error *err)
{
	struct mt_record_process process = {.pid = t->pid,
					    .parent_pid = t->parent_pid,
					    .program = bytes_of(t->program),
					    .trace = bytes_of(t->file),
					    .began = bytes_of(t->began),
					    .end = bytes_of(t->end)};
	memcpy(process.uuid, t->image.header.uuid, sizeof process.uuid);
	return mt_trace_file_process(family->first->trace, &process, err);
}

/* A program that was executed and has not greeted. end: NULL, it is not known to us. */
static int write_stranger(struct mt_family *family, uint32_t pid, uint32_t parent_pid,
			  const struct mt_state_start *start, const char *end,
			  struct mt_error *err)
{
	const char *path = start && *start->path ? start->path : "unknown";
	struct mt_record_process process = {.pid = pid,
					    .parent_pid = parent_pid,
					    .program =
						    bytes_of(mt_program_name_base(path)),
					    .began = bytes_of("exec"),
					    .end = bytes_of(end)};
	return mt_trace_file_process(family->first->trace, &process, err);
}

static bool may_answer(const struct mt_tracee *tracee)
{
	return !tracee->is_announced && !strcmp(tracee->began, "exec");
}

/*
 * Whether a child's announced program has greeted; each greeting answers one. Most come in
 * the order in which they were announced: *from passes over those that were answered.
 */
static bool has_greeted(struct mt_tracee **from, uint32_t own_pid)
{
	while (*from && !may_answer(*from))
		*from = (*from)->next;
	for (struct mt_tracee *t = *from; t; t = t->next)
		if (t->own_pid == own_pid && may_answer(t))
			return t->is_announced = true;
	return false;
}

static int write_strangers(struct mt_family *family, struct mt_tracee *t,
			   struct mt_tracee **from, struct mt_error *err)
{
	int rc = 0;
	mt_starts_read(&t->starts, &t->image);
	for (size_t i = 0; i < t->starts.count && rc == 0; i++) {
		const struct mt_state_start *start = &t->starts.list[i];
		if (start->pid && start->pid != t->own_pid &&
		    !has_greeted(from, start->pid))
			rc = write_stranger(family, start->pid, t->pid, start, NULL, err);
	}
	if (rc == 0 && t->has_execed && !find_successor(t))
		rc = write_stranger(family, t->pid, t->parent_pid,
				    mt_starts_find(&t->starts, t->own_pid),
				    t->is_gone ? end_of(t) : NULL, err);
	return rc;
}

static int write_processes(struct mt_family *family, struct mt_error *err)
{
	int rc = 0;
	for (struct mt_tracee *t = family->first; t && rc == 0; t = t->next)
		rc = write_process(family, t, err);
	struct mt_tracee *from = family->first;
	for (struct mt_tracee *t = family->first; t && rc == 0; t = t->next)
		rc = write_strangers(family, t, &from, err);
	return rc;
}

void mt_family_close(struct mt_family *family)
{
	struct mt_tracee *first = family->first;
	if (!first || !first->trace || !first->is_finished)
		return;
	struct mt_error err = {0};
	int rc = first->has_execed && !find_successor(first)
			 ? write_unrecorded(first, &err)
			 : 0;
	if (rc == 0)
		rc = write_processes(family, &err);
	if (rc < 0 && !first->failure.code)
		first->failure = err;
	mt_tracee_close(first);
}
