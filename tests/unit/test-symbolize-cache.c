/*
 * Resolved addresses kept between runs: right, fresh, and harmless when they are not.
 */
#include "tests/symbolize-oracle.h"

#include <dirent.h>
#include <sys/resource.h>

enum {
	STEP = 5
};

static struct mt_symbolizer_options with_cache(void)
{
	return (struct mt_symbolizer_options){.debug_dir = in_work("debug")};
}

/* A fresh cache directory, and the program `whole` with its bare twin. */
static struct pcs *prepare(void)
{
	build("inlined.c", "-g -O2", "whole");
	ok(shell(
		"rm -rf cache debug && mkdir debug && "
		"objcopy --only-keep-debug whole apart.debug && strip -s -o bare whole"));
	setenv("XDG_CACHE_HOME", in_work("cache"), true);
	return pcs_of(in_work("whole"), STEP);
}

/* All chains of the addresses, one to a line. */
static char *answer(const struct binary *binary, const struct pcs *pcs)
{
	char chain[ORACLE_TEXT], *text = NULL;
	size_t bytes;
	FILE *out = open_memstream(&text, &bytes);
	struct mt_symbolizer *symbolizer = symbolizer_of(binary, with_cache());
	ask(symbolizer, pcs);
	for (size_t i = 0; i < pcs->count; i++) {
		describe(mt_symbolizer_find(symbolizer, 7, pcs->list[i], false), chain,
			 sizeof chain);
		fprintf(out, "%s\n", chain);
	}
	fclose(out);
	mt_symbolizer_destroy(symbolizer);
	return text;
}

static bool is_kept(void)
{
	return shell("test $(ls cache/memtrace/sym | wc -l) = 1");
}

TEST(the_second_answer_is_the_first_without_the_files)
{
	struct pcs *pcs = prepare();
	struct binary whole = look_at(in_work("whole"));
	char *first = answer(&whole, pcs);
	ok(is_kept());
	/* As if it were the same file, but there is nothing in it. */
	ok(shell("touch -r whole stamp && stat -c %%s whole >size && "
		 "cp whole kept && : >whole && truncate -s $(cat size) whole && "
		 "touch -r stamp whole"));
	is_str(answer(&whole, pcs), first);
	ok(strstr(first, "inlined.c:") != NULL);
	is_str(oracle_notices, "");
}

TEST(further_addresses_are_added_to_what_is_kept)
{
	struct pcs *pcs = prepare();
	struct binary whole = look_at(in_work("whole"));
	struct pcs few = {.count = 3};
	memcpy(few.list, pcs->list, sizeof few.list[0] * 3);
	free(answer(&whole, &few));
	char *all = answer(&whole, pcs);
	ok(is_kept());
	ok(shell("rm -f debug/*"));
	is_str(answer(&whole, pcs), all);
	is_str(answer(&whole, pcs), all);
}

TEST(a_debug_file_that_appears_makes_the_answer_better)
{
	struct pcs *pcs = prepare();
	struct binary bare = look_at(in_work("bare"));
	char hex[2 * sizeof bare.build_id + 1] = "";
	for (size_t i = 0; i < bare.build_id_bytes; i++)
		sprintf(hex + 2 * i, "%02x", bare.build_id[i]);
	ok(!strstr(answer(&bare, pcs), "inlined.c:"));
	ok(is_kept());
	ok(shell("mkdir -p debug/.build-id/%.2s && cp apart.debug "
		 "debug/.build-id/%.2s/%s.debug",
		 hex, hex, hex + 2));
	ok(strstr(answer(&bare, pcs), "inlined.c:") != NULL);
	ok(shell("rm -r debug/.build-id"));
	ok(!strstr(answer(&bare, pcs), "inlined.c:"));
	ok(is_kept());
}

TEST(a_notice_is_given_again)
{
	struct pcs *pcs = prepare();
	struct binary whole = look_at(in_work("whole"));
	build("inlined.c", "-g -O1", "whole");
	free(answer(&whole, pcs));
	ok(is_kept());
	free(answer(&whole, pcs));
	is_str(oracle_notices,
	       "binary replaced since recording\nbinary replaced since recording\n");
}

static char *kept_file(size_t *bytes)
{
	ok(shell("cp cache/memtrace/sym/* kept"));
	FILE *file = fopen(in_work("kept"), "r");
	char *content = calloc(1 << 20, 1);
	*bytes = fread(content, 1, 1 << 20, file);
	fclose(file);
	return content;
}

static void put_kept_file(const char *content, size_t bytes)
{
	FILE *file = fopen(in_work("kept"), "w");
	fwrite(content, 1, bytes, file);
	fclose(file);
	ok(shell("for f in cache/memtrace/sym/*; do cp kept \"$f\"; done"));
}

TEST(what_was_kept_of_a_build_outlives_its_file)
{
	struct pcs *pcs = prepare();
	struct binary whole = look_at(in_work("whole"));
	char *first = answer(&whole, pcs);
	ok(strstr(first, "inlined.c:") != NULL);
	build("inlined.c", "-g -O1", "whole"); /* another build takes its place */
	is_str(answer(&whole, pcs), first);
	is_str(answer(&whole, pcs), first);
	is_str(oracle_notices, "");
	ok(shell("rm whole"));
	is_str(answer(&whole, pcs), first);
	ok(is_kept());
}

TEST(addresses_that_were_not_asked_before_the_file_went_are_unknown)
{
	struct pcs *pcs = prepare();
	struct binary whole = look_at(in_work("whole"));
	struct pcs few = {.count = 3};
	memcpy(few.list, pcs->list, sizeof few.list[0] * 3);
	char *first = answer(&whole, &few);
	ok(shell("rm whole"));
	char *all = answer(&whole, pcs);
	ok(!strncmp(all, first, strlen(first)));
	ok(!strstr(all + strlen(first), "inlined.c:"));
	is_str(oracle_notices, "neither the binary nor its debug file is here\n");
	is_str(answer(&whole, &few), first);
}

TEST(a_damaged_file_is_found_anew)
{
	struct pcs *pcs = prepare();
	struct binary whole = look_at(in_work("whole"));
	char *first = answer(&whole, pcs);
	size_t bytes;
	char *content = kept_file(&bytes);
	ok(bytes > 200 && bytes < 1 << 20);
	for (size_t at = 0; at < bytes; at += bytes / 20) {
		content[at] ^= 0x10;
		put_kept_file(content, bytes);
		content[at] ^= 0x10;
		is_str(answer(&whole, pcs), first);
	}
	for (size_t cut = 0; cut < bytes; cut += bytes / 10) {
		put_kept_file(content, cut);
		is_str(answer(&whole, pcs), first);
	}
	put_kept_file(content, bytes);
	is_str(answer(&whole, pcs), first);
}

TEST(writers_at_the_same_time_do_no_harm)
{
	struct pcs *pcs = prepare();
	struct binary whole = look_at(in_work("whole"));
	char *first = answer(&whole, pcs);
	for (int i = 0; i < 6; i++) {
		if (fork())
			continue;
		bool is_same = true;
		for (int turn = 0; turn < 20; turn++) {
			struct pcs some = {.count = 1 + (size_t)(turn * 7 + i) % 40};
			memcpy(some.list, pcs->list, some.count * sizeof *some.list);
			if (turn % 5 == i % 5)
				shell("rm -f cache/memtrace/sym/*");
			char *got = answer(&whole, &some);
			is_same &= !strncmp(got, first, strlen(got));
			free(got);
		}
		_exit(!is_same);
	}
	for (int i = 0; i < 6; i++) {
		int status;
		wait(&status);
		is_int(status, 0);
	}
	is_str(answer(&whole, pcs), first);
	ok(is_kept());
}

TEST(without_a_place_there_is_no_cache)
{
	struct pcs *pcs = prepare();
	struct binary whole = look_at(in_work("whole"));
	setenv("XDG_CACHE_HOME", "relative", true);
	unsetenv("HOME");
	ok(strstr(answer(&whole, pcs), "inlined.c:") != NULL);
	setenv("HOME", in_work("home"), true);
	ok(strstr(answer(&whole, pcs), "inlined.c:") != NULL);
	ok(shell("test -n \"$(ls home/.cache/memtrace/sym)\""));
	setenv("XDG_CACHE_HOME", "/dev/null", true);
	ok(strstr(answer(&whole, pcs), "inlined.c:") != NULL);
}

TEST(a_file_size_limit_is_kept)
{
	struct pcs *pcs = prepare();
	struct binary whole = look_at(in_work("whole"));
	struct rlimit limit = {100, 100};
	ok(!setrlimit(RLIMIT_FSIZE, &limit));
	ok(strstr(answer(&whole, pcs), "inlined.c:") != NULL);
	DIR *directory = opendir(in_work("cache/memtrace/sym"));
	ok(directory == NULL);
}

TEST(the_oldest_files_go_when_there_are_too_many)
{
	struct pcs *pcs = prepare();
	struct binary whole = look_at(in_work("whole"));
	ok(shell("mkdir -p cache/memtrace/sym && cd cache/memtrace/sym && "
		 "truncate -s 200M young && truncate -s 100M old && "
		 "touch -d 2001-01-01 old && touch -d 2002-01-01 young"));
	free(answer(&whole, pcs));
	ok(shell("test ! -e cache/memtrace/sym/old"));
	ok(shell("test ! -e cache/memtrace/sym/young"));
	ok(is_kept());
}

TEST(modules_without_build_id_are_not_kept)
{
	struct pcs *pcs = prepare();
	build("inlined.c", "-g -O2 -Wl,--build-id=none", "whole");
	struct binary whole = look_at(in_work("whole"));
	ok(strstr(answer(&whole, pcs), "inlined.c:") != NULL);
	ok(shell("test ! -e cache/memtrace/sym"));
}

TAP_MAIN()
