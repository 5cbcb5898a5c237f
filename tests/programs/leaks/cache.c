/*
 * cache.c - a hash table that a variable holds, with entries that it holds; a few entries
 * that something else holds; names that are copies of each other; with `lose` two leaks;
 * with `wait` it says its process id and waits for a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	SLOTS = 64,
	ENTRIES = 400,
	OTHERS = 12,
};

struct entry {
	struct entry *next;
	char *name;
	char value[40];
};

struct table {
	long count;
	struct entry *slots[SLOTS];
};

static struct {
	long version;
	struct table *table;
} cache;

static struct entry *others[OTHERS];

__attribute__((noinline)) static struct table *new_table(void)
{
	return (struct table *)calloc(1, sizeof(struct table)); /* table */
}

__attribute__((noinline)) static char *new_name(int number)
{
	char *name = (char *)malloc(16); /* name */
	memset(name, 0, 16);
	snprintf(name, 16, "name %d", number % 5);
	return name;
}

__attribute__((noinline)) static struct entry *new_entry(int number)
{
	struct entry *entry = (struct entry *)malloc(sizeof *entry); /* entry */
	memset(entry, 0, sizeof *entry);
	entry->name = new_name(number);
	return entry;
}

__attribute__((noinline)) static void lose(void)
{
	struct entry *entry = new_entry(0);
	entry->next = new_entry(1);
}

int main(int argc, char **argv)
{
	cache.table = new_table();
	for (int i = 0; i < ENTRIES; i++) {
		struct entry *entry = new_entry(i);
		entry->next = cache.table->slots[i % SLOTS];
		cache.table->slots[i % SLOTS] = entry;
	}
	for (int i = 0; i < OTHERS; i++)
		others[i] = new_entry(i);
	if (argc > 1 && !strcmp(argv[1], "lose"))
		lose();
	printf("%p\n", (void *)others[3]->name);
	if (argc > 1 && !strcmp(argv[1], "wait")) {
		printf("%d\n", (int)getpid());
		fflush(stdout);
		getchar();
	}
	return 0;
}
