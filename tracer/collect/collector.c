/*
 * collector.c - one loop over the socket, the ends of processes, requests and time. Outside.
 */
#include "tracer/collect/collector.h"

#include "formats/control.h"
#include "tracer/collect/family.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	EVENT_BATCH = 64,
	BACKLOG = 4096, /* the kernel lowers it to its own limit */
	POLL_MS = 50,   /* where the kernel has no pidfds */
	/* For a child that forked and has not come to its first allocation. */
	LINGER_MS = 50,
	FIRST_LINGER_MS = 1000,
	FIRST_WAIT_MS = 20000, /* for the program that started us */
	HUGE_BYTES = 2 << 20,
	HEAP_BYTES = 512 << 20,
};

/* Who connected: a library, run, or snapshot. */
struct client {
	struct client *next;
	int fd;
	uint32_t pid, uid;
	bool is_watching; /* run: we stay as long as it does */
	bool is_waiting; /* run's program has ended, and it wants to hear of the traces */
	bool is_watched; /* by epoll */
	bool has_told;   /* which process ended, and how, was noted */
	uint32_t ended_pid;
	int32_t ended_status;
	uint64_t since_ns;
};

struct collector {
	struct mt_collector_options options;
	struct mt_family family;
	struct client *clients;
	int epoll, requests;
	uint64_t idle_since_ns; /* 0: not idle */
	uint64_t first_ended_ns;
	bool was_watched; /* run has been there */
	char *directory;  /* that was left; NULL: we are where we began */
};

static void watch_fd(struct collector *collector, int fd, void *source)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
	epoll_ctl(collector->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void drop_client(struct collector *collector, struct client *client)
{
	struct client **link = &collector->clients;
	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	close(client->fd);
	free(client);
}

/* Our own user and root may ask for anything; others are heard if they descend from us. */
static bool is_trusted(const struct collector *collector, const struct client *client)
{
	return client->uid == geteuid() || client->uid == 0 ||
	       mt_family_has_descendant(&collector->family, client->pid);
}

static void answer(const struct client *client, int status, const char *text)
{
	struct mt_message message = {
		.head = {.kind = MT_MESSAGE_ANSWER, .status = status}};
	size_t size = text ? strnlen(text, sizeof message.text) : 0;
	if (size)
		memcpy(message.text, text, size);
	mt_control_send(client->fd, &message, size, NULL);
}

static bool is_watched(const struct collector *collector)
{
	for (const struct client *client = collector->clients; client;
	     client = client->next)
		if (client->is_watching || client->is_waiting)
			return true;
	return false;
}

static void close_unused(const struct mt_packet *packet)
{
	for (int i = 0; i < MT_HELLO_FDS; i++)
		if (packet->fds[i] >= 0)
			close(packet->fds[i]);
}

/* When run has ended and nobody goes on, its directory's file system may be unmounted. */
static void leave_directory(struct collector *collector)
{
	if (collector->directory || mt_family_living(&collector->family))
		return;
	collector->directory = getcwd(NULL, 0);
	if (collector->directory && chdir("/") == 0)
		return;
	free(collector->directory);
	collector->directory = NULL;
}

/* Somebody comes late, whose trace may have a relative name. */
static int return_to_directory(struct collector *collector, struct mt_error *err)
{
	if (collector->directory && chdir(collector->directory) < 0)
		return mt_fail(err, MT_ERR_SYSTEM, "%s: %s", collector->directory,
			       strerror(errno));
	free(collector->directory);
	collector->directory = NULL;
	return 0;
}

static void greet(struct collector *collector, const struct client *client,
		  const struct mt_packet *packet)
{
	struct mt_error err = {0};
	struct mt_tracee *tracee = NULL;
	if (return_to_directory(collector, &err) < 0)
		close_unused(packet);
	else if (packet->fds[0] < 0 || packet->fds[1] < 0)
		mt_fail(&err, MT_ERR_DAMAGED, "hello: no state came along");
	else
		tracee = mt_tracee_create(client->pid, client->fd, packet->fds[0],
					  packet->fds[1], &err);
	bool is_asked = packet->message.head.status;
	if (!tracee) {
		if (is_asked)
			answer(client, err.code, NULL);
		return;
	}
	struct mt_family *family = &collector->family;
	bool was_gone = tracee->is_gone;
	mt_family_add(family, tracee);
	mt_family_begin(family, tracee);
	/* run says it itself at the end. */
	bool is_silent = tracee->fd >= 0 || is_watched(collector);
	enum mt_hello hello = is_silent ? MT_HELLO_TAKEN : MT_HELLO_NO_FILE;
	atomic_store(&tracee->control->hello, hello);
	if (is_asked)
		answer(client, hello, NULL);
	if (was_gone)
		mt_family_finish(family, tracee);
	else if (tracee->pidfd >= 0)
		watch_fd(collector, tracee->pidfd, tracee);
}

/* What was asked for; the trace's name and, on the last line, words about a scan. */
static int take_for(struct mt_tracee *tracee, uint32_t wishes, const char *label,
		    char text[MT_MESSAGE_TEXT_BYTES], struct mt_error *err)
{
	struct mt_scan_result result;
	if (!(wishes & MT_SNAPSHOT_WITH_LEAKS)) {
		snprintf(text, MT_MESSAGE_TEXT_BYTES, "%s", tracee->file);
		return mt_tracee_snapshot(tracee, MT_SNAPSHOT_LABEL, label, false, err);
	}
	int rc = mt_tracee_scan(tracee, label, wishes, &result, err);
	if (rc == 0)
		snprintf(text, MT_MESSAGE_TEXT_BYTES,
			 "%s\n%" PRIu64 " leaked block%s; it stood still for %.3f s",
			 tracee->file, result.leaked, result.leaked == 1 ? "" : "s",
			 (double)result.pause_ns / 1e9);
	return rc;
}

static void take_asked_snapshot(struct collector *collector, const struct client *client,
				const struct mt_packet *packet)
{
	const struct mt_message *message = &packet->message;
	struct mt_tracee *tracee = mt_family_find(&collector->family, message->head.pid);
	char label[MT_LABEL_BYTES] = "";
	struct mt_error err = {0};
	if (!tracee) {
		answer(client, MT_ERR_MISSING, "not recorded");
		return;
	}
	if (packet->text_bytes) {
		if (!mt_control_is_label(message->text, packet->text_bytes)) {
			answer(client, MT_ERR_USAGE, "this label cannot be used");
			return;
		}
		memcpy(label, message->text, packet->text_bytes);
		label[packet->text_bytes] = '\0';
	}
	char text[MT_MESSAGE_TEXT_BYTES];
	int rc = take_for(tracee, (uint32_t)message->head.status, label, text, &err);
	answer(client, rc, rc < 0 ? err.message : text);
}

static void note_end(struct collector *collector, struct client *client)
{
	struct mt_tracee *tracee = mt_family_main(&collector->family);
	client->has_told = true;
	if (!tracee || tracee->pid != client->ended_pid)
		return;
	tracee->status = client->ended_status;
	tracee->has_status = true;
	tracee->is_gone = true;
	mt_family_finish(&collector->family, tracee);
}

/* False: the client is to be dropped. */
static bool serve(struct collector *collector, struct client *client)
{
	struct mt_packet packet;
	int rc = mt_control_receive(client->fd, &packet, NULL);
	if (rc < 0) {
		close_unused(&packet);
		return rc == MT_ERR_INCOMPLETE;
	}
	bool is_hello = packet.message.head.kind == MT_MESSAGE_HELLO;
	if (!is_hello)
		close_unused(&packet);
	if (!is_trusted(collector, client)) {
		if (is_hello)
			close_unused(&packet);
		return false;
	}
	switch (packet.message.head.kind) {
	case MT_MESSAGE_HELLO:
		greet(collector, client, &packet);
		return false;
	case MT_MESSAGE_WATCH:
		client->is_watching = true;
		collector->was_watched = true;
		collector->family.main_pid = packet.message.head.pid;
		return true;
	case MT_MESSAGE_WAIT:
		client->ended_pid = packet.message.head.pid;
		client->ended_status = packet.message.head.status;
		client->is_waiting = true;
		client->since_ns = mt_clock_ns();
		return true;
	case MT_MESSAGE_SNAPSHOT:
		take_asked_snapshot(collector, client, &packet);
		return true;
	default:
		return false;
	}
}

/* The next that connected; NULL: none. */
static struct client *accept_client(struct collector *collector)
{
	int fd = accept4(collector->options.listener, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return NULL;
	struct client *client = calloc(1, sizeof *client);
	struct ucred peer;
	socklen_t size = sizeof peer;
	if (!client || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
		free(client);
		close(fd);
		return NULL;
	}
	*client = (struct client){.next = collector->clients,
				  .fd = fd,
				  .pid = (uint32_t)peer.pid,
				  .uid = peer.uid,
				  .since_ns = mt_clock_ns()};
	return collector->clients = client;
}

/* Whoever was there before is heard first. */
static void serve_all(struct collector *collector)
{
	for (struct client *client = collector->clients, *next; client; client = next) {
		next = client->next;
		if (!serve(collector, client))
			drop_client(collector, client);
	}
}

/* Most have sent what they have to say, so that nobody needs to wait for it. */
static bool accept_clients(struct collector *collector)
{
	bool any = false;
	serve_all(collector);
	for (struct client *client; (client = accept_client(collector)); any = true) {
		if (!serve(collector, client)) {
			drop_client(collector, client);
		} else if (!client->is_watched) {
			client->is_watched = true;
			watch_fd(collector, client->fd, client);
		}
	}
	return any;
}

static void answer_requests(struct collector *collector)
{
	uint64_t count;
	if (read(collector->requests, &count, sizeof count) < 0)
		return;
	for (struct mt_tracee *t = collector->family.followed; t; t = t->next_followed)
		if (mt_tracee_has_request(t))
			mt_tracee_answer(t, collector->options.name_frames);
}

static bool has_ended(const struct mt_tracee *tracee)
{
	if (tracee->pidfd >= 0) {
		struct pollfd ask = {.fd = tracee->pidfd, .events = POLLIN};
		return poll(&ask, 1, 0) == 1;
	}
	struct mt_kernel_stat stat;
	return !mt_kernel_stat(tracee->pid, &stat) || stat.is_zombie ||
	       stat.start_time != tracee->start_time;
}

/* run will say, with the exit status, that its own child has ended. */
static bool is_told_by_run(const struct collector *collector,
			   const struct mt_tracee *tracee)
{
	for (const struct client *client = collector->clients; client;
	     client = client->next)
		if (client->is_watching && !client->is_waiting)
			return tracee->pid == collector->family.main_pid;
	return false;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* One that goes on; returns when to come back. */
static uint64_t attend(struct collector *collector, struct mt_tracee *tracee,
		       uint64_t now)
{
	if (now >= tracee->listen_ns)
		mt_tracee_listen(tracee, collector->requests);
	uint64_t next = tracee->listen_ns;
	if (tracee->trace)
		next = earlier(next,
			       mt_tracee_tick(tracee, &collector->options.schedule));
	return next;
}

/* Ends, execs, samples; returns when to look again. */
static uint64_t look_after(struct collector *collector)
{
	struct mt_family *family = &collector->family;
	uint64_t now = mt_clock_ns(), next = UINT64_MAX;
	for (struct mt_tracee *t = family->followed; t; t = t->next_followed) {
		if (t->is_gone)
			continue;
		uint64_t due = t->pidfd < 0 ? now + POLL_MS * 1000000u : UINT64_MAX;
		if (has_ended(t)) {
			if (is_told_by_run(collector, t))
				continue;
			/* What it executed last has greeted by now, if it ever does. */
			accept_clients(collector);
			if (!t->is_gone)
				mt_family_finish(family, t);
			continue;
		}
		if (!t->is_finished && now >= t->next_sample_ns &&
		    mt_tracee_has_execed(t))
			mt_family_finish_execed(t);
		if (!t->is_finished)
			due = earlier(due, attend(collector, t, now));
		next = earlier(next, due);
	}
	return earlier(next, mt_family_let_go(family, now));
}

/* Lines for the user: what went wrong with which trace. */
static size_t describe_failures(const struct mt_family *family, char *text, size_t size)
{
	size_t used = 0;
	for (const struct mt_tracee *t = family->first; t; t = t->next) {
		if (!t->failure.code)
			continue;
		int length = snprintf(text + used, size - used, "%s%s[%u]: %s",
				      used ? "\n" : "", t->program, t->pid,
				      t->failure.message);
		if (length < 0 || (size_t)length >= size - used)
			break;
		used += (size_t)length;
	}
	return used;
}

/* Whose trace holds errors: the main process, or else the first one; NULL: nobody. */
static const struct mt_tracee *count_errors(const struct mt_family *family,
					    struct mt_message_head *head)
{
	const struct mt_tracee *main = mt_family_main(family), *found = NULL;
	for (const struct mt_tracee *t = family->first; t; t = t->next) {
		if (!t->errors)
			continue;
		head->errors += t->errors;
		head->erroneous++;
		if (!found || t == main)
			found = t;
	}
	return found;
}

/* The name of its trace, with its NUL. */
static size_t put_file(char *text, const struct mt_tracee *tracee)
{
	return (size_t)sprintf(text, "%.*s", PATH_MAX - 1,
			       tracee && tracee->file ? tracee->file : "") +
	       1;
}

static void answer_waiting(struct collector *collector, struct client *client)
{
	struct mt_family *family = &collector->family;
	struct mt_message message = {.head = {.kind = MT_MESSAGE_ANSWER,
					      .running = mt_family_running(family),
					      .recorded = family->count}};
	size_t used = put_file(message.text, mt_family_main(family));
	used += put_file(message.text + used, family->first);
	used += put_file(message.text + used, count_errors(family, &message.head));
	used += describe_failures(family, message.text + used,
				  sizeof message.text - used);
	mt_control_send(client->fd, &message, used, NULL);
	client->is_waiting = client->is_watching = false;
}

static bool has_waiting(const struct collector *collector)
{
	for (const struct client *client = collector->clients; client;
	     client = client->next)
		if (client->is_waiting)
			return true;
	return false;
}

/*
 * Whoever waits is answered when all that ended is written; returns when to look again.
 * What came before the end of run's program is heard first.
 */
static uint64_t serve_waiting(struct collector *collector)
{
	struct mt_family *family = &collector->family;
	uint64_t now = mt_clock_ns(), next = UINT64_MAX;
	if (!has_waiting(collector))
		return next;
	if (accept_clients(collector))
		return 0;
	for (struct client *client = collector->clients; client; client = client->next) {
		if (!client->is_waiting)
			continue;
		if (!client->has_told)
			note_end(collector, client);
		uint64_t patience = client->since_ns + LINGER_MS * 1000000u;
		if (now < patience && mt_family_has_silent_child(family)) {
			uint64_t again = now + 1000000u;
			next = again < next ? again : next;
			continue;
		}
		mt_family_close(family);
		leave_directory(collector);
		answer_waiting(collector, client);
	}
	return next;
}

/*
 * The first file waits for the other processes, so that it can name them, but not for
 * those that stay behind when its own has ended: it is to be complete soon.
 */
static uint64_t close_first(struct collector *collector)
{
	const struct mt_tracee *first = collector->family.first;
	if (!first || !first->is_finished || !first->trace || is_watched(collector))
		return UINT64_MAX;
	if (!collector->first_ended_ns)
		collector->first_ended_ns = mt_clock_ns();
	uint64_t end = collector->first_ended_ns + FIRST_LINGER_MS * 1000000u;
	if (mt_clock_ns() < end)
		return end;
	mt_family_close(&collector->family);
	return UINT64_MAX;
}

/* 0: go on; else the time at which this may end, if nothing happens until then. */
static uint64_t idle_until(struct collector *collector)
{
	if (is_watched(collector) || mt_family_living(&collector->family))
		return collector->idle_since_ns = 0;
	if (mt_family_has_silent_child(&collector->family))
		return collector->idle_since_ns = 0;
	if (!collector->idle_since_ns)
		collector->idle_since_ns = mt_clock_ns();
	bool is_first_awaited = !collector->family.first && !collector->was_watched;
	uint64_t patience = is_first_awaited ? FIRST_WAIT_MS : LINGER_MS;
	return collector->idle_since_ns + patience * 1000000u;
}

static void handle(struct collector *collector, void *source)
{
	if (source == &collector->options.listener) {
		accept_clients(collector);
		return;
	}
	if (source == &collector->requests) {
		answer_requests(collector);
		return;
	}
	for (struct mt_tracee *t = collector->family.followed; t; t = t->next_followed)
		if (source == t) {
			epoll_ctl(collector->epoll, EPOLL_CTL_DEL, t->pidfd, NULL);
			return; /* look_after sees that it has ended */
		}
	for (struct client *client = collector->clients; client; client = client->next)
		if (source == client) {
			if (!serve(collector, client))
				drop_client(collector, client);
			return;
		}
}

static int milliseconds_until(uint64_t when)
{
	uint64_t now = mt_clock_ns();
	if (when <= now)
		return 0;
	uint64_t ms = (when - now + 999999u) / 1000000u;
	return ms < 60000 ? (int)ms : 60000;
}

static void loop(struct collector *collector)
{
	struct epoll_event events[EVENT_BATCH];
	for (;;) {
		uint64_t next = look_after(collector);
		next = earlier(next, serve_waiting(collector));
		uint64_t end = idle_until(collector);
		if (end && end <= mt_clock_ns())
			return;
		next = earlier(next, end ? end : UINT64_MAX);
		next = earlier(next, close_first(collector));
		/* A silent child's end is not announced by anything. */
		next = earlier(next, mt_clock_ns() + 1000000000u);
		int count = epoll_wait(collector->epoll, events, EVENT_BATCH,
				       milliseconds_until(next));
		for (int i = 0; i < count; i++)
			handle(collector, events[i].data.ptr);
	}
}

static bool is_overcommit_strict(void)
{
	char mode = '0';
	int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, &mode, 1);
	if (fd >= 0)
		close(fd);
	return got == 1 && mode == '2';
}

/*
 * Tables of millions of entries come and go with every snapshot: their memory stays with us, and
 * comes in huge pages where there are any. Whoever waits for a trace would wait for page
 * faults most of the time. Address space only, until it is used.
 */
static void prepare_heap(void)
{
	if (is_overcommit_strict())
		return;
	mallopt(M_MMAP_MAX, 0);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	mallopt(M_TOP_PAD, HEAP_BYTES);
	void *volatile first = malloc(HUGE_BYTES);
	free(first);
	uintptr_t end = (uintptr_t)sbrk(0) & -(uintptr_t)HUGE_BYTES;
	if (end > HEAP_BYTES)
		madvise((void *)(end - HEAP_BYTES + HUGE_BYTES), HEAP_BYTES - HUGE_BYTES,
			MADV_HUGEPAGE);
	mallopt(M_TOP_PAD, HUGE_BYTES);
}

/* One for each process, and each trace: the program's own limit says nothing of those. */
static void allow_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int mt_collector_run(const struct mt_collector_options *options, struct mt_error *err)
{
	struct collector collector = {.options = *options};
	prepare_heap();
	allow_descriptors();
	collector.epoll = epoll_create1(EPOLL_CLOEXEC);
	collector.requests = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (collector.epoll < 0 || collector.requests < 0)
		return mt_fail(err, MT_ERR_SYSTEM, "epoll: %s", strerror(errno));
	mt_family_init(&collector.family, options->output, options->replaces);
	collector.family.main_pid = options->main_pid;
	collector.family.main_began = options->began;
	fcntl(options->listener, F_SETFL, O_NONBLOCK);
	/* Once more, so that the kernel tells our pid to those who connect. */
	listen(options->listener, BACKLOG);
	watch_fd(&collector, options->listener, &collector.options.listener);
	watch_fd(&collector, collector.requests, &collector.requests);
	loop(&collector);
	while (collector.clients)
		drop_client(&collector, collector.clients);
	mt_family_deinit(&collector.family);
	free(collector.directory);
	close(collector.requests);
	close(collector.epoll);
	close(options->listener);
	return 0;
}

static void ignore_signals(void)
{
	static const int ignored[] = {SIGINT,  SIGQUIT, SIGHUP,  SIGTERM, SIGPIPE,
				      SIGXFSZ, SIGTTOU, SIGTSTP, SIGUSR1, SIGUSR2};
	sigset_t none;
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

void mt_collector_detach(int listener)
{
	setsid();
	ignore_signals();
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	if (listener > 3)
		close_range(3, (unsigned)listener - 1, 0);
	close_range((unsigned)listener + 1, ~0U, 0);
	prctl(PR_SET_NAME, "memtrace collec");
}
