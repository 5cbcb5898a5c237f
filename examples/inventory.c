/*
 * inventory.c - a small server with a leak, to look at with memtrace.
 *
 * It loads a catalogue, then answers requests. Replies are released, sessions are not:
 * `memtrace diff inventory.mtz@loaded inventory.mtz@exit` shows who grew.
 */
#include <memtrace.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ITEMS = 20000,
	REQUESTS = 30000,
	CUSTOMERS = 500,
};

struct item {
	char *name;
	unsigned stock;
};

struct catalogue {
	struct item **items;
	size_t count, capacity;
};

struct session {
	struct session *next;
	unsigned customer;
	char history[200];
};

static struct session *sessions;

static struct item *parse_item(unsigned number)
{
	char name[64];
	snprintf(name, sizeof name, "part-%06u, galvanised, M%u", number,
		 number % 24 + 1);
	struct item *item = malloc(sizeof *item);
	if (!item)
		abort();
	item->name = strdup(name);
	item->stock = number % 97;
	return item;
}

static void add_item(struct catalogue *catalogue, struct item *item)
{
	if (catalogue->count == catalogue->capacity) {
		catalogue->capacity = catalogue->capacity ? 2 * catalogue->capacity : 64;
		catalogue->items = realloc(catalogue->items,
					   catalogue->capacity * sizeof(struct item *));
		if (!catalogue->items)
			abort();
	}
	catalogue->items[catalogue->count++] = item;
}

static void load(struct catalogue *catalogue)
{
	for (unsigned number = 0; number < ITEMS; number++)
		add_item(catalogue, parse_item(number));
}

/* The leak: a customer who comes back gets a new session, and the old one stays. */
static struct session *open_session(unsigned customer)
{
	struct session *session = calloc(1, sizeof *session);
	if (!session)
		abort();
	session->customer = customer;
	session->next = sessions;
	sessions = session;
	return session;
}

static char *format_reply(const struct item *item)
{
	char *reply = malloc(512);
	if (reply)
		snprintf(reply, 512, "{\"name\":\"%s\",\"stock\":%u}", item->name,
			 item->stock);
	return reply;
}

static size_t answer(const struct catalogue *catalogue, unsigned request)
{
	struct session *session = open_session(request % CUSTOMERS);
	char *reply = format_reply(catalogue->items[request * 7919u % catalogue->count]);
	size_t length = reply ? strlen(reply) : 0;
	snprintf(session->history, sizeof session->history, "%.*s", 60,
		 reply ? reply : "");
	free(reply);
	return length;
}

int main(void)
{
	struct catalogue catalogue = {0};
	load(&catalogue);
	memtrace_snapshot("loaded");
	size_t sent = 0;
	for (unsigned request = 0; request < REQUESTS; request++)
		sent += answer(&catalogue, request);
	printf("%u requests answered, %zu bytes sent\n", REQUESTS, sent);
	return 0;
}
