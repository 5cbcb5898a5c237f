/*
 * wrongs.cc - one wrong after the other, as its input says: a line `KIND FAMILY SIZE WHERE`
 * each, with WHERE main or thread. Before each it says the line on stderr. What is right is
 * done with the kind `right`.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <new>
#include <pthread.h>
#include <string>
#include <unistd.h>

struct job {
	std::string kind, family;
	size_t size;
	char *block;
};

static volatile char sink;

static char *make(const std::string &family, size_t size)
{
	void *p = nullptr;
	if (family == "malloc")
		return (char *)malloc(size);
	if (family == "calloc")
		return (char *)calloc(1, size);
	if (family == "realloc")
		return (char *)realloc(malloc(size / 2 + 1), size);
	if (family == "new")
		return (char *)operator new(size);
	if (family == "new[]")
		return (char *)operator new[](size);
	if (family == "new-aligned")
		return (char *)operator new(size, std::align_val_t(64));
	if (family == "aligned_alloc")
		return (char *)aligned_alloc(64, size);
	if (family == "posix_memalign")
		return posix_memalign(&p, 256, size) ? nullptr : (char *)p;
	if (family == "strdup") {
		std::string text(size - 1, 'x');
		return strdup(text.c_str());
	}
	abort();
}

static void drop(const std::string &family, char *p)
{
	if (family == "new")
		operator delete(p);
	else if (family == "new[]")
		operator delete[](p);
	else if (family == "new-aligned")
		operator delete(p, std::align_val_t(64));
	else
		free(p);
}

/* By another family than its own. */
static void drop_otherwise(const std::string &family, char *p)
{
	if (family == "new")
		operator delete[](p);
	else if (family == "new[]" || family == "new-aligned")
		free(p);
	else
		operator delete(p);
}

static void write_at(char *p)
{
	*(volatile char *)p = *(volatile char *)p ^ 0x5a;
}

/* The block is live; true: it is to be freed as it should. */
static bool touch(const job &work, char *p)
{
	long at = atol(work.kind.c_str() + work.kind.find(':') + 1);
	if (work.kind.rfind("beyond:", 0) == 0)
		write_at(p + work.size + at);
	else if (work.kind.rfind("before:", 0) == 0)
		write_at(p - at);
	else if (work.kind == "read-beyond")
		sink = *(volatile char *)(p + (work.size + 15) / 16 * 16);
	else if (work.kind == "right")
		memset(p, 'y', work.size);
	return true;
}

static void *do_wrong(void *argument)
{
	job &work = *(job *)argument;
	char *p = work.block;
	if (work.kind == "inside") {
		free(p + work.size / 2);
	} else if (work.kind == "other") {
		drop_otherwise(work.family, p);
		return nullptr;
	} else if (work.kind == "wild-stack") {
		char place[64];
		free((char *)(((size_t)place + 15) & ~(size_t)15));
	} else if (work.kind == "wild-global") {
		static char place[64] __attribute__((aligned(16)));
		free(place);
	} else if (work.kind == "size") {
		operator delete(p, work.size + 1);
		return nullptr;
	}
	touch(work, p);
	drop(work.family, p);
	if (work.kind == "twice")
		drop(work.family, p);
	else if (work.kind == "realloc-freed")
		p = (char *)realloc(p, 10);
	else if (work.kind == "write-freed")
		write_at(p + work.size / 2);
	else if (work.kind == "read-freed")
		sink = p[work.size - 1];
	return nullptr;
}

static void run(job &work, bool in_thread)
{
	pthread_t thread;
	work.block = make(work.family, work.size);
	if (!work.block || malloc_usable_size(work.block) < work.size)
		abort();
	if (!in_thread)
		do_wrong(&work);
	else if (pthread_create(&thread, nullptr, do_wrong, &work) == 0)
		pthread_join(thread, nullptr);
}

int main()
{
	static char line[200], kind[40], family[40], where[40];
	static job work;
	while (fgets(line, sizeof line, stdin)) {
		if (sscanf(line, "%39s %39s %zu %39s", kind, family, &work.size, where) !=
		    4)
			return 2;
		if (write(2, line, strlen(line)) < 0)
			return 2;
		work.kind = kind;
		work.family = family;
		run(work, !strcmp(where, "thread"));
	}
	return 0;
}
