/*
 * family.c - who belongs to the tree, and what their traces say about them. Outside.
 */
#include "tracer/collect/family.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

enum {
	COMM_BYTES = 15, /* the kernel cuts the command's name here */
	MAX_ANCESTORS = 64,
	ARGV_BYTES = 64 << 10,
	UUID_BYTES = 16,
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

static bool is_zero(const uint8_t uuid[UUID_BYTES])
{
	static const uint8_t zero[UUID_BYTES];
	return !memcmp(uuid, zero, UUID_BYTES);
}

static const struct mt_tracee *find_parent(const struct mt_family *family,
					   const struct mt_tracee *tracee)
{
	const uint8_t *uuid = tracee->image.header.parent_uuid;
	for (const struct mt_tracee *t = family->first; t && !is_zero(uuid); t = t->next)
		if (!memcmp(t->image.header.uuid, uuid, UUID_BYTES))
			return t;
	return NULL;
}

/* The image that the same process went on as; NULL: none has greeted. */
static const struct mt_tracee *find_successor(const struct mt_tracee *tracee)
{
	const struct mt_tracee *t = tracee->next;
	while (t && (t->pid != tracee->pid || t->start_time != tracee->start_time))
		t = t->next;
	return t;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && slash[1] ? slash + 1 : path;
}

/* If path's last part goes on where the kernel cut the name. */
static bool take_name(struct mt_tracee *tracee, const char *path)
{
	const char *name = base_name(path);
	size_t size = strlen(name);
	if (size >= sizeof tracee->program ||
	    strncmp(name, tracee->image.header.name, COMM_BYTES))
		return false;
	memcpy(tracee->program, name, size + 1);
	return true;
}

/* The command's name as the kernel has it, whole: it cuts long ones. */
static void name_program(struct mt_tracee *tracee)
{
	const char *comm = tracee->image.header.name;
	snprintf(tracee->program, sizeof tracee->program, "%s", *comm ? comm : "unknown");
	if (strlen(comm) < COMM_BYTES)
		return;
	char text[PATH_MAX + 1];
	mt_image_program(&tracee->image, text, sizeof text);
	if (take_name(tracee, text))
		return;
	/* A script: one of the first arguments. */
	size_t size = mt_image_arguments(&tracee->image, text, PATH_MAX);
	text[size] = '\0';
	for (char *p = text; p < text + size; p += strlen(p) + 1)
		if (take_name(tracee, p))
			return;
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
	const struct mt_tracee *parent = find_parent(family, tracee);
	if (parent) {
		tracee->began = "fork";
		tracee->parent_pid = parent->pid;
		snprintf(tracee->program, sizeof tracee->program, "%s", parent->program);
	} else {
		bool is_main = tracee->pid == family->main_pid || !family->first;
		tracee->began = is_main && !has_execed ? family->main_began : "exec";
		name_program(tracee);
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

static void to_hex(const uint8_t uuid[UUID_BYTES], char text[2 * UUID_BYTES + 1])
{
	for (int i = 0; i < UUID_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", uuid[i]);
}

static int write_origin(struct mt_family *family, struct mt_tracee *tracee,
			struct mt_error *err)
{
	struct mt_trace_file *trace = tracee->trace;
	const struct mt_state_header *header = &tracee->image.header;
	const struct mt_tracee *parent = find_parent(family, tracee);
	char uuid[2 * UUID_BYTES + 1];
	to_hex(family->first->image.header.uuid, uuid);
	int rc = mt_trace_file_meta_text(trace, "tree_uuid", uuid, err);
	if (rc == 0)
		rc = mt_trace_file_meta_text(trace, "began", tracee->began, err);
	if (rc < 0 || is_zero(header->parent_uuid))
		return rc;
	to_hex(header->parent_uuid, uuid);
	rc = mt_trace_file_meta_text(trace, "parent_uuid", uuid, err);
	if (rc == 0 && parent)
		rc = mt_trace_file_meta_number(
			trace, "parent_time_ns",
			header->start_monotonic_ns -
				parent->image.header.start_monotonic_ns,
			err);
	return rc;
}

static int write_place(struct mt_tracee *tracee, struct mt_error *err)
{
	struct mt_trace_file *trace = tracee->trace;
	struct utsname host;
	char *text = malloc(ARGV_BYTES);
	if (!text)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	size_t size = mt_image_arguments(&tracee->image, text, ARGV_BYTES);
	int rc = mt_trace_file_meta(trace, "argv", text, size, err);
	mt_image_string(&tracee->image, tracee->image.header.directory, text, PATH_MAX);
	if (rc == 0 && text[0])
		rc = mt_trace_file_meta_text(trace, "cwd", text, err);
	if (rc == 0 && uname(&host) == 0)
		rc = mt_trace_file_meta_text(trace, "host", host.nodename, err);
	free(text);
	return rc;
}

static int write_beginning(struct mt_family *family, struct mt_tracee *tracee,
			   struct mt_error *err)
{
	struct mt_trace_file *trace = tracee->trace;
	int rc = mt_trace_file_meta_text(trace, "memtrace_version", MT_VERSION, err);
	if (rc == 0)
		rc = mt_trace_file_meta_text(trace, "program", tracee->program, err);
	if (rc == 0)
		rc = mt_trace_file_meta_number(trace, "pid", tracee->pid, err);
	if (rc == 0)
		rc = mt_trace_file_meta_number(trace, "parent_pid", tracee->parent_pid,
					       err);
	if (rc == 0)
		rc = write_place(tracee, err);
	if (rc == 0)
		rc = write_origin(family, tracee, err);
	if (rc == 0)
		rc = mt_trace_file_facts(trace, err);
	return rc;
}

/* The name is tracee's now: who had it before has another. */
static void note_rename(struct mt_family *family, const struct mt_tracee *tracee,
			const char *renamed)
{
	for (struct mt_tracee *t = family->first; t && renamed; t = t->next)
		if (t != tracee && t->file == tracee->file)
			t->file = renamed;
}

static int open_file(struct mt_family *family, struct mt_tracee *tracee,
		     struct mt_error *err)
{
	const struct mt_naming_facts facts = {
		.program = tracee->program,
		.pid = tracee->pid,
		.start_seconds = tracee->image.header.start_realtime_ns / 1000000000u,
		.number = family->count++,
		.is_main = tracee->pid == family->main_pid};
	const char *renamed;
	tracee->fd =
		mt_naming_create(&family->naming, &facts, &tracee->file, &renamed, err);
	if (tracee->fd < 0)
		return tracee->fd;
	note_rename(family, tracee, renamed);
	return mt_trace_file_open(&tracee->trace, &tracee->image, tracee->fd,
				  tracee->file, err);
}

void mt_family_begin(struct mt_family *family, struct mt_tracee *tracee)
{
	if (!family->main_pid)
		family->main_pid = tracee->pid;
	int rc = open_file(family, tracee, &tracee->failure);
	if (rc == 0)
		write_beginning(family, tracee, &tracee->failure);
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
	memcpy(process.uuid, t->image.header.uuid, UUID_BYTES);
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
					    .program = bytes_of(base_name(path)),
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
