// inside: tracer/record/state.c tracer/record/slots.c tracer/record/handover.c
/*
 * test-state.c - the shared state: made under limits, begun again in a child.
 */
#include "formats/state.h"
#include "tests/tap.h"
#include "tracer/record/state.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

static const struct mt_state_options modern = {
	.malloc_mode = MT_MALLOC_PYMALLOC, .geometry = MT_GEOMETRY_MODERN, .nframe = 128};

static void limit(int resource, rlim_t bytes)
{
	struct rlimit to = {bytes, bytes};
	if (setrlimit(resource, &to) < 0)
		abort();
}

static int open_fds(void)
{
	int count = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (dir && readdir(dir))
		count++;
	closedir(dir);
	return count;
}

TEST(a_state_has_room_for_a_heap_of_64_gib)
{
	ok(mt_state_open(&modern));
	is_int(mt_state.heap_bytes, UINT64_C(64) << 30);
	is_int((uintptr_t)mt_state.heap % (1 << 20), 0);
	is_int(mt_state.max_arenas, 64 << 10);
	is_int(mt_state.header->magic, MT_STATE_MAGIC);
	is_int(mt_state.header->pid, getpid());
	mt_state.side[mt_state.heap_bytes / 16 - 1] = 7;
	mt_state.blocks[mt_state.max_blocks - 1].size = 1;
	mt_state.peaks[mt_state.max_chunks * 64UL - 1].count = 1;
	mt_state.nodes[mt_state.max_nodes - 1].parent = 1;
}

TEST(malloc_mode_has_no_heap)
{
	struct mt_state_options options = modern;
	options.malloc_mode = MT_MALLOC_LIBC;
	ok(mt_state_open(&options));
	is_int(mt_state.heap_bytes, 0);
	ok(mt_state.max_blocks > 1000000);
}

TEST(the_state_shrinks_under_a_limit_of_address_space)
{
	limit(RLIMIT_AS, 400 << 20);
	ok(mt_state_open(&modern));
	ok(mt_state.heap_bytes >= 16 << 20);
	ok(mt_state.heap_bytes <= 100 << 20);
	void *rest = mmap(NULL, 200 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ok(rest != MAP_FAILED);
}

TEST(without_address_space_there_is_a_header_all_the_same)
{
	limit(RLIMIT_AS, 1 << 20);
	ok(!mt_state_open(&modern));
	is_int(mt_state.heap_bytes, 0);
	is_int(mt_state.header->totals.tracing, 0);
	mt_state_lose(MT_LOSS_EARLY);
}

TEST(a_limit_of_file_sizes_raises_no_signal)
{
	limit(RLIMIT_FSIZE, 1 << 20);
	ok(mt_state_open(&modern));
	ok(mt_state.max_arenas >= 1);
	mt_state.side[mt_state.heap_bytes / 16 - 1] = 7;
}

TEST(closed_standard_streams_stay_closed)
{
	int out = dup(1);
	close(0), close(1), close(2);
	bool opened = mt_state_open(&modern);
	struct stat status;
	bool stayed =
		fstat(0, &status) < 0 && fstat(1, &status) < 0 && fstat(2, &status) < 0;
	dup2(out, 1);
	ok(opened);
	ok(stayed);
}

TEST(nothing_stays_open_when_nobody_listens)
{
	int before = open_fds();
	ok(mt_state_open(&modern));
	ok(!mt_state_hand_over("memtrace.no-such-listener", 100, false));
	ok(!mt_state_is_handed_over());
	mt_state_close_fds();
	is_int(open_fds(), before);
}

TEST(ended_threads_leave_their_slot_to_the_next)
{
	ok(mt_state_open(&modern));
	is_int(mt_state_slot_open(10), 0);
	is_int(mt_state_slot_open(11), 1);
	mt_state_slot_close(0);
	ok(mt_state.threads[0].name[0]);
	is_int(mt_state_slot_open(12), 0);
	is_int(mt_state.threads[0].tid, 12);
	is_int(mt_state.threads[0].serial, 3);
	is_int(mt_state.header->used.slots, 2);
}

TEST(strings_are_kept_until_the_table_is_full)
{
	ok(mt_state_open(&modern));
	uint32_t at = mt_state_add_string("libc.so.6");
	is_str(mt_state.strings + at, "libc.so.6");
	is_int(mt_state_add_string(""), 0);
	mt_state.max_strings_bytes = mt_state.header->used.strings_bytes + 3;
	is_int(mt_state_add_string("abc"), 0);
	ok(mt_state_add_string("ab") > 0);
}

/* The child's exit status: 0 when its state is fresh and names the parent. */
static int check_child(void)
{
	uint8_t parent[16];
	memcpy(parent, mt_state.header->uuid, 16);
	uint32_t parent_pid = mt_state.header->pid;
	if (!mt_state_reopen_after_fork())
		return 1;
	const struct mt_state_header *header = mt_state.header;
	if (header->pid != (uint32_t)getpid() || header->parent_pid != parent_pid)
		return 2;
	if (memcmp(header->parent_uuid, parent, 16) || !memcmp(header->uuid, parent, 16))
		return 3;
	mt_state.side[5] = 9;
	return header->used.nodes != MT_FIRST_NODE || mt_state.nodes[20].parent;
}

static int status_of_child(void)
{
	pid_t child = fork();
	if (!child)
		_exit(check_child());
	int status = -1;
	waitpid(child, &status, 0);
	return status;
}

TEST(a_child_has_a_fresh_state_at_the_old_addresses)
{
	ok(mt_state_open(&modern));
	mt_state.header->used.nodes = 21;
	mt_state.nodes[20].parent = 1;
	is_int(status_of_child(), 0);
	is_int(mt_state.side[5], 0);
	is_int(mt_state.nodes[20].parent, 1);
}

TEST(a_detached_child_does_not_reach_its_parents_state)
{
	ok(mt_state_open(&modern));
	pid_t child = fork();
	if (!child) {
		mt_state_detach();
		mt_state.side[5] = 9;
		_exit(mt_state.header->totals.tracing != 0);
	}
	int status = -1;
	waitpid(child, &status, 0);
	is_int(status, 0);
	is_int(mt_state.side[5], 0);
}

TEST(a_later_limit_of_address_space_leaves_room_to_map)
{
	ok(mt_state_open(&modern));
	mt_state.header->used.arenas = 3;
	mt_state_shrink(1 << 30);
	limit(RLIMIT_AS, 1 << 30);
	void *more = mmap(NULL, 512 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ok(more != MAP_FAILED);
	ok(mt_state.max_arenas >= 3);
	is_int(mt_state.heap_bytes, (uint64_t)mt_state.max_arenas << 20);
	mt_state.side[mt_state.heap_bytes / 16 - 1] = 7;
	mt_state.nodes[mt_state.max_nodes - 1].parent = 1;
	mt_state.blocks[mt_state.max_blocks - 1].size = 1;
	mt_state.peaks[mt_state.max_chunks * 64UL - 1].count = 1;
	is_int(status_of_child(), 0);
}

TAP_MAIN()
