/*
 * tracee.c - follow one image of a process. Outside.
 */
#include "tracer/collect/tracee.h"

#include "tracer/collect/heap-scan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	WAITER_STACK_BYTES = 64 << 10,
	SIZE_RATE = 5, /* times as many samples where growth triggers snapshots */
};

static const uint64_t first_sample_ns = 50000000, sample_ns = 100000000,
		      slowest_sample_ns = 2000000000;
/* Many processes are gone before it is worth a thread to wait for what they ask. */
static const uint64_t listen_ns = 2000000;
static const uint64_t checkpoint_ns = UINT64_C(10000000000);
static const uint64_t layers_ns = 250000000;
static const uint64_t layers_share = 100; /* of the time may go into asking the kernel */
static const uint64_t checkpoint_share = 20; /* of the time may go into checkpoints */
/* Of the state, copied so that the process need not wait; a scan needs memory as well. */
static const uint64_t frozen_beside_scan = 32 << 20;

static struct mt_control *map_control(int fd, struct mt_error *err)
{
	struct stat status;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &status) < 0 ||
	    status.st_size < (off_t)sizeof(struct mt_control)) {
		mt_fail(err, MT_ERR_DAMAGED, "control page: not sealed");
		return NULL;
	}
	void *page = mmap(NULL, sizeof(struct mt_control), PROT_READ | PROT_WRITE,
			  MAP_SHARED, fd, 0);
	if (page != MAP_FAILED)
		return page;
	mt_fail(err, MT_ERR_SYSTEM, "control page: %s", strerror(errno));
	return NULL;
}

/* What it says of itself; the kernel is asked only where it must be. */
static void know(struct mt_tracee *tracee, uint32_t pid)
{
	struct mt_state_header *header = &tracee->image.header;
	header->name[sizeof header->name - 1] = '\0';
	tracee->pid = pid;
	tracee->parent_pid = header->creator_pid;
	tracee->own_pid = header->pid;
	header->pid = pid;
	struct mt_kernel_stat stat;
	if ((tracee->own_pid != pid || tracee->pidfd < 0) && mt_kernel_stat(pid, &stat)) {
		tracee->parent_pid = stat.parent_pid;
		tracee->start_time = stat.start_time;
	} else {
		tracee->is_gone = tracee->pidfd < 0;
	}
}

struct mt_tracee *mt_tracee_create(uint32_t pid, int socket, int state_fd, int control_fd,
				   struct mt_error *err)
{
	struct mt_tracee *tracee = calloc(1, sizeof *tracee);
	if (!tracee || mt_image_open(&tracee->image, state_fd, err) < 0) {
		close(state_fd);
		close(control_fd);
		free(tracee);
		return NULL;
	}
	tracee->control = map_control(control_fd, err);
	close(control_fd);
	if (!tracee->control) {
		mt_image_close(&tracee->image);
		free(tracee);
		return NULL;
	}
	tracee->pidfd = mt_kernel_pidfd(pid, socket);
	tracee->fd = -1;
	know(tracee, pid);
	tracee->sample_interval_ns = sample_ns;
	uint64_t now = mt_clock_ns();
	tracee->listen_ns = now + listen_ns;
	tracee->next_sample_ns = now + first_sample_ns;
	tracee->next_checkpoint_ns = now + checkpoint_ns;
	return tracee;
}

static long futex(_Atomic uint32_t *word, int operation, uint32_t value)
{
	return syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

/* The program is not trusted: it may make this loop turn, no more. */
static void *wait_for_requests(void *context)
{
	struct mt_tracee *tracee = context;
	_Atomic uint32_t *request = &tracee->control->request;
	uint32_t seen = atomic_load(&tracee->control->done);
	while (!atomic_load(&tracee->is_waiter_done)) {
		uint32_t now = atomic_load(request);
		uint64_t one = 1;
		if (now != seen && write(tracee->notify_fd, &one, sizeof one) < 0)
			break;
		seen = now;
		futex(request, FUTEX_WAIT, seen);
	}
	return NULL;
}

/* Raising the request makes the futex's value another, whenever the waiter looks. */
static void stop_waiter(struct mt_tracee *tracee)
{
	if (!tracee->has_waiter)
		return;
	atomic_store(&tracee->is_waiter_done, true);
	atomic_fetch_add(&tracee->control->request, 1);
	futex(&tracee->control->request, FUTEX_WAKE, INT_MAX);
	pthread_join(tracee->waiter, NULL);
	tracee->has_waiter = false;
}

bool mt_tracee_has_request(const struct mt_tracee *tracee)
{
	return !tracee->is_finished && atomic_load(&tracee->control->request) !=
					       atomic_load(&tracee->control->done);
}

static int note_failure(struct mt_tracee *tracee, int rc, struct mt_error *err)
{
	if (rc < 0 && !tracee->failure.code)
		tracee->failure = *err;
	return rc;
}

/*
 * The kernel's figures, for a snapshot or so that those of the end are not old: a process
 * that was killed cannot be asked any more.
 */
static bool ask_kernel(struct mt_tracee *tracee)
{
	uint64_t began = mt_clock_ns();
	bool is_told = mt_layers_read(&tracee->layers, tracee->pid, &tracee->image);
	uint64_t pause = (mt_clock_ns() - began) * layers_share;
	tracee->next_layers_ns = began + (pause > layers_ns ? pause : layers_ns);
	return is_told;
}

/* From what the process kept of it; before any later one. */
static void take_start(struct mt_tracee *tracee)
{
	struct mt_error err = {0};
	if (tracee->has_start || !tracee->trace)
		return;
	uint64_t when = mt_image_enter_start(&tracee->image);
	if (!when)
		return;
	tracee->has_start = true;
	struct mt_snapshot_request request = {.kind = MT_SNAPSHOT_START,
					      .layers = &tracee->layers,
					      .is_still = true,
					      .now_ns = when};
	int rc = mt_trace_file_snapshot(tracee->trace, &request, &err);
	mt_image_leave_start(&tracee->image);
	note_failure(tracee, rc, &err);
}

/* One that lives on may outlive us: what was taken goes into the file. */
static void save_start(struct mt_tracee *tracee)
{
	struct mt_error err = {0};
	bool had_start = tracee->has_start;
	take_start(tracee);
	if (!had_start && tracee->has_start)
		note_failure(tracee, mt_trace_file_flush(tracee->trace, &err), &err);
}

void mt_tracee_listen(struct mt_tracee *tracee, int notify_fd)
{
	pthread_attr_t attributes;
	tracee->listen_ns = UINT64_MAX;
	tracee->notify_fd = notify_fd;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, WAITER_STACK_BYTES);
	tracee->has_waiter =
		!pthread_create(&tracee->waiter, &attributes, wait_for_requests, tracee);
	pthread_attr_destroy(&attributes);
	save_start(tracee);
}

/*
 * What can be done only now, while the process is as it is to be shown. Where the kernel was
 * asked for this very snapshot their times are the same.
 */
static void prepare(struct mt_tracee *tracee, struct mt_snapshot_request *request)
{
	take_start(tracee);
	enum mt_snapshot_kind kind = request->kind;
	bool is_asked = !tracee->is_gone && kind != MT_SNAPSHOT_PERIODIC &&
			kind != MT_SNAPSHOT_START && ask_kernel(tracee);
	request->layers = &tracee->layers;
	request->thread_name = tracee->is_gone ? NULL : mt_kernel_thread_name;
	request->now_ns = is_asked ? tracee->layers.time_ns : mt_clock_ns();
	bool has_scan = request->scan || tracee->scan;
	uint64_t most = has_scan ? frozen_beside_scan : MT_IMAGE_MOST_FROZEN_BYTES;
	if (!tracee->is_gone && mt_image_freeze(&tracee->image, most))
		request->copied_ns = mt_clock_ns();
}

static int take(struct mt_tracee *tracee, const struct mt_snapshot_request *request,
		struct mt_error *err)
{
	struct mt_error local = {0};
	int rc = mt_trace_file_snapshot(tracee->trace, request, &local);
	mt_image_leave_start(&tracee->image);
	if (rc < 0)
		mt_fail(err, local.code, "%s", local.message);
	return note_failure(tracee, rc, &local);
}

static int take_snapshot(struct mt_tracee *tracee, enum mt_snapshot_kind kind,
			 const char *label, bool is_still, struct mt_heap_scan *scan,
			 struct mt_error *err)
{
	if (!tracee->trace)
		return mt_fail(err, MT_ERR_MISSING, "%s",
			       tracee->failure.code ? tracee->failure.message
						    : "its trace has ended");
	struct mt_snapshot_request request = {
		.kind = kind, .label = label, .is_still = is_still, .scan = scan};
	prepare(tracee, &request);
	/* Who asked from inside has had its blocks checked. */
	if (!is_still && (kind == MT_SNAPSHOT_LABEL || kind == MT_SNAPSHOT_PERIODIC))
		atomic_store(&tracee->control->check_wanted, 1);
	return take(tracee, &request, err);
}

static void answer(struct mt_tracee *tracee, uint32_t request, int rc)
{
	struct mt_control *control = tracee->control;
	control->result = rc < 0 ? -1 : rc;
	atomic_store(&control->done, request);
	futex(&control->done, FUTEX_WAKE, INT_MAX);
}

/*
 * The process goes on as soon as the state is copied, so it hears of no failure to write
 * the snapshot; nor would it have heard of one to write the next.
 */
static void answer_snapshot(struct mt_tracee *tracee, uint32_t number,
			    enum mt_snapshot_kind kind, const char *label)
{
	if (!tracee->trace || tracee->failure.code) {
		answer(tracee, number, -1);
		return;
	}
	struct mt_snapshot_request request = {
		.kind = kind, .label = label, .is_still = true};
	prepare(tracee, &request);
	bool is_copied = request.copied_ns != 0;
	if (is_copied)
		answer(tracee, number, 0);
	int rc = take(tracee, &request, NULL);
	if (!is_copied)
		answer(tracee, number, rc);
}

int mt_tracee_snapshot(struct mt_tracee *tracee, enum mt_snapshot_kind kind,
		       const char *label, bool is_still, struct mt_error *err)
{
	return take_snapshot(tracee, kind, label, is_still, NULL, err);
}

/* Why there is no scan is for its readers. */
static int refuse_scan(struct mt_tracee *tracee, const struct mt_error *why,
		       struct mt_error *err)
{
	struct mt_error local = {0};
	if (tracee->trace)
		note_failure(tracee,
			     mt_trace_file_meta_text(tracee->trace, "scan_failure",
						     why->message, &local),
			     &local);
	return mt_fail(err, MT_ERR_SYSTEM, "no scan is possible: %s", why->message);
}

static int scan_and_write(struct mt_tracee *tracee, enum mt_snapshot_kind kind,
			  const char *label, const struct mt_heap_scan_request *request,
			  struct mt_scan_result *result, struct mt_error *err)
{
	struct mt_heap_scan scan = {0};
	struct mt_error why = {0};
	bool is_still = request->registers != NULL;
	int rc = mt_heap_scan_take(&scan, request, &why);
	if (rc < 0) {
		rc = refuse_scan(tracee, &why, err);
	} else {
		*result = (struct mt_scan_result){.leaked = mt_heap_scan_leaked(&scan),
						  .pause_ns = scan.sums.pause_ns};
		rc = take_snapshot(tracee, kind, label, is_still, &scan, err);
	}
	mt_heap_scan_deinit(&scan);
	return rc;
}

int mt_tracee_scan(struct mt_tracee *tracee, const char *label, uint32_t wishes,
		   struct mt_scan_result *result, struct mt_error *err)
{
	struct mt_heap_scan_request request = {.pid = tracee->pid,
					       .image = &tracee->image,
					       .control = tracee->control,
					       .wishes = wishes};
	return scan_and_write(tracee, MT_SNAPSHOT_LABEL, label, &request, result, err);
}

static void drop_scan(struct mt_tracee *tracee)
{
	if (tracee->scan)
		mt_heap_scan_deinit(tracee->scan);
	free(tracee->scan);
	tracee->scan = NULL;
}

/* What was found is for the last snapshot, which comes soon. */
static int scan_at_end(struct mt_tracee *tracee,
		       const struct mt_heap_scan_request *request)
{
	struct mt_error why = {0};
	drop_scan(tracee);
	tracee->scan = calloc(1, sizeof *tracee->scan);
	if (!tracee->scan)
		return MT_ERR_NO_MEMORY;
	int rc = mt_heap_scan_take(tracee->scan, request, &why);
	/* What holds blocks is told with its thread's name: later nobody knows it. */
	mt_trace_file_threads(tracee->trace, mt_kernel_thread_name, NULL);
	if (rc < 0) {
		refuse_scan(tracee, &why, NULL);
		drop_scan(tracee);
	}
	return rc;
}

/* The library's own wish: how many blocks are leaked, or -1. */
static int answer_leaks(struct mt_tracee *tracee, bool is_at_end)
{
	struct mt_scan_result result;
	struct mt_control_thread asking = tracee->control->asking;
	tracee->has_asked_for_scan |= is_at_end;
	struct mt_heap_scan_request request = {.pid = tracee->pid,
					       .image = &tracee->image,
					       .control = tracee->control,
					       .wishes = asking.wishes,
					       .is_at_end = is_at_end,
					       .registers = asking.registers,
					       .thread_pointer = asking.thread_pointer,
					       .tid = asking.tid};
	if (is_at_end)
		return scan_at_end(tracee, &request);
	int rc = scan_and_write(tracee, MT_SNAPSHOT_LABEL, NULL, &request, &result, NULL);
	if (rc < 0)
		return rc;
	return result.leaked < INT32_MAX ? (int)result.leaked : INT32_MAX;
}

/* The program is not trusted: what is used is a copy. */
static int take_error(struct mt_tracee *tracee, mt_name_frames *name_frames)
{
	struct mt_control *control = tracee->control;
	struct mt_state_error error = control->error;
	struct mt_error err = {0};
	char *text = strndup(control->text, sizeof control->text - 1);
	control->text[0] = '\0';
	if (!text || !tracee->trace || !error.kind || error.kind >= MT_ERROR_KIND_COUNT) {
		free(text);
		return -1;
	}
	int rc = mt_errors_take(tracee->trace, &tracee->image, &error, text, name_frames,
				control->text, sizeof control->text, &err);
	tracee->errors += rc == 0;
	free(text);
	return note_failure(tracee, rc, &err);
}

void mt_tracee_answer(struct mt_tracee *tracee, mt_name_frames *name_frames)
{
	struct mt_control *control = tracee->control;
	uint32_t request = atomic_load(&control->request);
	char label[MT_LABEL_BYTES];
	memcpy(label, control->label, sizeof label);
	label[sizeof label - 1] = '\0';
	switch (control->kind) {
	case MT_REQUEST_SNAPSHOT_START:
		answer_snapshot(tracee, request, MT_SNAPSHOT_START, NULL);
		break;
	case MT_REQUEST_LAYERS:
		tracee->has_last_layers = ask_kernel(tracee);
		answer(tracee, request, 0);
		break;
	case MT_REQUEST_ERROR:
		answer(tracee, request, take_error(tracee, name_frames));
		break;
	case MT_REQUEST_LEAKS:
		answer(tracee, request, answer_leaks(tracee, false));
		break;
	case MT_REQUEST_LEAKS_AT_END:
		answer(tracee, request, answer_leaks(tracee, true));
		break;
	default:
		answer_snapshot(tracee, request, MT_SNAPSHOT_LABEL, label);
	}
}

/* Ten a second while something changes; less and less often while nothing does. */
static void take_sample(struct mt_tracee *tracee, const struct mt_kernel_stat *stat,
			const struct mt_schedule *schedule, uint64_t now)
{
	struct mt_error err = {0};
	int rc = mt_trace_file_sample(tracee->trace, now, stat->resident_bytes, &err);
	note_failure(tracee, rc, &err);
	tracee->sample_interval_ns = rc == 1 ? sample_ns : tracee->sample_interval_ns * 2;
	if (tracee->sample_interval_ns > slowest_sample_ns)
		tracee->sample_interval_ns = slowest_sample_ns;
	if (schedule->every_bytes)
		tracee->sample_interval_ns = sample_ns / SIZE_RATE;
	tracee->next_sample_ns = now + tracee->sample_interval_ns;
	atomic_store(&tracee->control->coarse_clock_ns, now);
}

/* Growth counts from the least since the last one, so that it is seen after a fall too. */
static bool is_growth_due(struct mt_tracee *tracee, uint64_t every_bytes)
{
	int64_t live = mt_image_sums(&tracee->image).live_bytes;
	if (live < tracee->periodic_live_bytes)
		tracee->periodic_live_bytes = live;
	if (!every_bytes || live - tracee->periodic_live_bytes < (int64_t)every_bytes)
		return false;
	tracee->periodic_live_bytes = live;
	return true;
}

static void take_periodic(struct mt_tracee *tracee, const struct mt_schedule *schedule,
			  uint64_t now)
{
	bool is_due = is_growth_due(tracee, schedule->every_bytes);
	if (schedule->every_ns) {
		if (now >= tracee->next_periodic_ns) {
			is_due = true;
			while (tracee->next_periodic_ns <= now)
				tracee->next_periodic_ns += schedule->every_ns;
		}
	}
	if (is_due)
		mt_tracee_snapshot(tracee, MT_SNAPSHOT_PERIODIC, NULL, false, NULL);
}

/* For the case that the collector is killed as well. Nothing to do for who slept. */
static void take_checkpoint(struct mt_tracee *tracee, const struct mt_kernel_stat *stat,
			    uint64_t now)
{
	if (now < tracee->next_checkpoint_ns)
		return;
	if (stat->cpu_ticks != tracee->checked_ticks)
		mt_tracee_snapshot(tracee, MT_SNAPSHOT_CHECKPOINT, NULL, false, NULL);
	tracee->checked_ticks = stat->cpu_ticks;
	uint64_t pause = (mt_clock_ns() - now) * checkpoint_share;
	tracee->next_checkpoint_ns =
		now + (pause > checkpoint_ns ? pause : checkpoint_ns);
}

static uint64_t next_due(const struct mt_tracee *tracee)
{
	uint64_t next = tracee->next_sample_ns;
	if (tracee->next_periodic_ns && tracee->next_periodic_ns < next)
		next = tracee->next_periodic_ns;
	return next;
}

uint64_t mt_tracee_tick(struct mt_tracee *tracee, const struct mt_schedule *schedule)
{
	uint64_t now = mt_clock_ns();
	if (schedule->every_ns && !tracee->next_periodic_ns)
		tracee->next_periodic_ns = now + schedule->every_ns;
	if (now < next_due(tracee))
		return next_due(tracee);
	struct mt_kernel_stat stat;
	if (!mt_kernel_stat(tracee->pid, &stat))
		stat = (struct mt_kernel_stat){.cpu_ticks = now};
	save_start(tracee);
	if (now >= tracee->next_sample_ns)
		take_sample(tracee, &stat, schedule, now);
	if (now >= tracee->next_layers_ns)
		ask_kernel(tracee);
	take_periodic(tracee, schedule, now);
	take_checkpoint(tracee, &stat, now);
	return next_due(tracee);
}

bool mt_tracee_has_execed(struct mt_tracee *tracee)
{
	struct mt_kernel_stat now;
	bool is_mapped = mt_image_is_mapped(&tracee->image);
	if (!mt_kernel_stat(tracee->pid, &now))
		return false;
	/* A process that is about to end has no memory at all for a while. */
	if (!is_mapped)
		return now.resident_bytes > 0;
	bool is_same = now.code == tracee->code && now.stack == tracee->stack;
	if (!is_same && !mt_kernel_maps(tracee->pid, tracee->image.inode, "memtrace"))
		return true;
	tracee->code = now.code;
	tracee->stack = now.stack;
	return false;
}

static int write_status(struct mt_tracee *tracee, struct mt_error *err)
{
	/* After an exec it is the status of another program. */
	if (!tracee->has_status || tracee->has_execed)
		return 0;
	if (WIFSIGNALED(tracee->status))
		return mt_trace_file_meta_number(tracee->trace, "signal",
						 (uint64_t)WTERMSIG(tracee->status), err);
	return mt_trace_file_meta_number(tracee->trace, "exit_status",
					 (uint64_t)WEXITSTATUS(tracee->status), err);
}

static uint64_t cpu_ns(void)
{
	struct timespec used;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

static int write_walks(struct mt_tracee *tracee, struct mt_error *err)
{
	struct mt_image_sums sums = mt_image_sums(&tracee->image);
	int rc = mt_trace_file_meta_number(tracee->trace, "walked_tracebacks", sums.walks,
					   err);
	return rc ? rc
		  : mt_trace_file_meta_number(tracee->trace, "walked_frames", sums.walked,
					      err);
}

/* It was to be searched at its end, which came by no door of ours. */
static int write_unsearched(struct mt_tracee *tracee, struct mt_error *err)
{
	if (!tracee->image.header.wants_scan || tracee->has_asked_for_scan ||
	    strcmp(tracee->end, "exit") != 0)
		return 0;
	return mt_trace_file_meta_text(tracee->trace, "scan_failure",
				       "it ended by a system call of its own, or in the "
				       "C library, as in daemon()",
				       err);
}

static int write_end(struct mt_tracee *tracee, struct mt_error *err)
{
	struct mt_trace_file *trace = tracee->trace;
	const struct mt_state_header *header = &tracee->image.header;
	int rc = mt_trace_file_meta_text(trace, "end", tracee->end, err);
	if (rc == 0)
		rc = write_status(tracee, err);
	if (rc == 0 && !header->totals.tracing)
		rc = mt_trace_file_meta_number(trace, "stopped", 1, err);
	if (rc == 0)
		rc = mt_trace_file_meta_number(trace, "peak_bound_bytes",
					       header->totals.peak_bound_bytes, err);
	if (rc == 0)
		rc = write_unsearched(tracee, err);
	if (rc == 0 && tracee->has_last_layers)
		rc = mt_trace_file_meta_number(trace, "layers_at_end", 1, err);
	if (rc == 0 && header->check_mode == MT_CHECK_GUARD)
		rc = mt_trace_file_meta_number(trace, "guarded_blocks",
					       header->guarded_blocks, err);
	if (rc == 0)
		rc = mt_trace_file_meta_number(trace, "recorder_bytes",
					       mt_image_resident_bytes(&tracee->image),
					       err);
	if (rc == 0)
		rc = write_walks(tracee, err);
	if (rc == 0)
		rc = mt_trace_file_meta_number(trace, "collector_cpu_ns", cpu_ns(), err);
	return rc;
}

void mt_tracee_finish(struct mt_tracee *tracee, const char *end)
{
	if (tracee->is_finished)
		return;
	tracee->is_finished = true;
	tracee->finished_ns = mt_clock_ns();
	tracee->end = end;
	stop_waiter(tracee);
	if (!tracee->trace)
		return;
	struct mt_error err = {0};
	/* After an exec the old memory is nobody's: nothing changes in it either. */
	bool was_gone = tracee->is_gone;
	tracee->is_gone = true;
	take_snapshot(tracee, MT_SNAPSHOT_EXIT, NULL, true, tracee->scan, NULL);
	drop_scan(tracee);
	tracee->is_gone = was_gone;
	note_failure(tracee, write_end(tracee, &err), &err);
	note_failure(tracee, mt_trace_file_flush(tracee->trace, &err), &err);
}

void mt_tracee_close(struct mt_tracee *tracee)
{
	struct mt_error err = {0};
	if (tracee->trace)
		note_failure(tracee, mt_trace_file_close(tracee->trace, &err), &err);
	tracee->trace = NULL;
	if (tracee->fd >= 0)
		close(tracee->fd);
	tracee->fd = -1;
}

void mt_tracee_let_go(struct mt_tracee *tracee)
{
	mt_image_close(&tracee->image);
	mt_layers_deinit(&tracee->layers);
	if (tracee->control)
		munmap(tracee->control, sizeof *tracee->control);
	tracee->control = NULL;
	if (tracee->pidfd >= 0)
		close(tracee->pidfd);
	tracee->pidfd = -1;
}

void mt_tracee_destroy(struct mt_tracee *tracee)
{
	stop_waiter(tracee);
	mt_tracee_close(tracee);
	mt_tracee_let_go(tracee);
	mt_starts_deinit(&tracee->starts);
	free(tracee);
}
