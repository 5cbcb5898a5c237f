/*
 * lost.c - stories of blocks that nothing points at any more.
 */
#include "story.h"

struct node {
	struct node *next;
	char text[8];
};

static NOINLINE void *story_block(size_t size)
{
	void *block = malloc(size); /* lost */
	memset(block, 1, size);
	return block;
}

static NOINLINE struct node *story_node(struct node *next)
{
	struct node *node = (struct node *)malloc(sizeof *node); /* node */
	memset(node, 1, sizeof *node);
	node->next = next;
	return node;
}

static NOINLINE void plain(void)
{
	for (int i = 0; i < 3; i++)
		story_block(100);
	expect("definite", 3, 300);
}

static NOINLINE void large(void)
{
	story_block(100000);
	story_block(3000);
	expect("definite", 2, 103000);
}

/* The C library's own pointers lead to where they are: to its chunks behind. */
static NOINLINE void empty(void)
{
	void *freed = story_block(3000);
	for (int i = 0; i < 3; i++)
		story_block(0);
	story_block(700);
	free(freed);
	story_block(0);
	expect("definite", 5, 700);
}

static NOINLINE void list(void)
{
	struct node *head = NULL;
	for (int i = 0; i < 100; i++)
		head = story_node(head);
	expect("definite", 1, sizeof *head);
	expect("indirect", 99, 99 * sizeof *head);
}

static NOINLINE void cycle_of(int count)
{
	struct node *last = story_node(NULL), *head = last;
	for (int i = 1; i < count; i++)
		head = story_node(head);
	last->next = head;
	expect("definite", 1, sizeof *head);
	expect("indirect", count - 1, (count - 1) * (long)sizeof *head);
}

static NOINLINE void cycle_2(void)
{
	cycle_of(2);
}

static NOINLINE void cycle_1000(void)
{
	cycle_of(1000);
}

static NOINLINE void own_cycle(void)
{
	struct node *node = story_node(NULL);
	node->next = node;
	expect("definite", 1, sizeof *node);
}

/* Many pointers to one block, and one back. */
static NOINLINE void hub(void)
{
	void **spokes = (void **)story_block(80);
	struct node *node = story_node(NULL);
	for (int i = 0; i < 10; i++)
		spokes[i] = node;
	node->next = (struct node *)spokes;
	expect("definite", 1, -1);
	expect("indirect", 1, -1);
}

/* A tail in common: two are definite, the rest is below the first of them. */
static NOINLINE void two_heads(void)
{
	struct node *tail = story_node(story_node(NULL));
	story_node(tail);
	story_node(tail);
	expect("definite", 2, 2 * sizeof *tail);
	expect("indirect", 2, 2 * sizeof *tail);
}

static NOINLINE void *lose_in_thread(void *unused)
{
	story_block(40);
	return unused;
}

static NOINLINE void in_threads(void)
{
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, lose_in_thread, NULL))
			abort();
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	expect("definite", 4, 160);
}

/* Only where its thread's stack was: the thread has ended. */
static NOINLINE void *hold_on_stack(void *unused)
{
	void *volatile held[16];
	held[3] = story_block(56);
	return held[4] = unused;
}

static NOINLINE void exited_thread(void)
{
	pthread_t thread;
	if (pthread_create(&thread, NULL, hold_on_stack, NULL))
		abort();
	pthread_join(thread, NULL);
	expect("definite", 1, 56);
}

__thread void *volatile thread_local_slot;

static void *hold_in_thread_local(void *key)
{
	thread_local_slot = story_block(72);
	pthread_setspecific(*(pthread_key_t *)key, story_block(24));
	return NULL;
}

/* Thread-locals and values of keys without destructor go with their thread. */
static NOINLINE void exited_thread_locals(void)
{
	static pthread_key_t key;
	pthread_t thread;
	pthread_key_create(&key, NULL);
	if (pthread_create(&thread, NULL, hold_in_thread_local, &key))
		abort();
	pthread_join(thread, NULL);
	expect("definite", 2, 96);
}

/* Only in stack slots of calls that have returned; deeper calls may not be here again. */
static NOINLINE void store_deep(void *block, int depth)
{
	void *volatile slots[32];
	for (int i = 0; i < 32; i++)
		slots[i] = block;
	if (depth)
		store_deep(slots[depth], depth - 1);
}

static NOINLINE void dead_slots(void)
{
	store_deep(story_block(200), 20);
	expect("definite", 1, 200);
}

static volatile uintptr_t hidden;

/* As in lists whose links are exclusive-or'ed: no scan can know. */
static NOINLINE void hidden_pointer(void)
{
	hidden = (uintptr_t)story_block(88) ^ UINT64_C(0x5555555555555555);
	expect("definite", 1, 88);
}

static struct {
	char *volatile begin, *volatile end;
} rows[50];

/* The end of each row is where the next block could begin. */
static NOINLINE void neighbours(void)
{
	for (int i = 0; i < 50; i++) {
		rows[i].begin = (char *)malloc(64); /* row */
		rows[i].end = rows[i].begin + 64;
		memset(rows[i].begin, 1, 64);
		story_block(64);
	}
	expect("definite", 50, 50 * 64);
}

static void *volatile buffers[500];

/* Blocks that nobody has written to yet have been others'. */
static NOINLINE void recycled(void)
{
	for (int i = 0; i < 500; i++)
		buffers[i] = malloc(48); /* buffer */
	for (int i = 0; i < 500; i++)
		free(buffers[i]);
	for (int i = 0; i < 250; i++) {
		buffers[i] = malloc(48); /* buffer */
		story_block(48);
	}
	for (int i = 250; i < 500; i++)
		buffers[i] = NULL;
	expect("definite", 250, 250 * 48);
}

static void *returned; /* what main's frame holds, for `returned` alone */

static NOINLINE void from_main(void)
{
	returned = story_block(144);
	expect("definite", 1, 144);
}

int main(int argc, char **argv)
{
	static const struct story stories[] = {
		{"plain", plain},
		{"large", large},
		{"empty", empty},
		{"list", list},
		{"cycle-2", cycle_2},
		{"cycle-1000", cycle_1000},
		{"own-cycle", own_cycle},
		{"hub", hub},
		{"two-heads", two_heads},
		{"in-threads", in_threads},
		{"exited-thread", exited_thread},
		{"exited-thread-locals", exited_thread_locals},
		{"dead-slots", dead_slots},
		{"hidden", hidden_pointer},
		{"neighbours", neighbours},
		{"recycled", recycled},
		{"returned", from_main},
		{NULL, NULL},
	};
	find_story(stories, argc, argv)();
	void *volatile held[8];
	for (int i = 0; i < 8; i++)
		held[i] = returned;
	returned = NULL;
	if (!held[0])
		forget();
	return 0;
}
