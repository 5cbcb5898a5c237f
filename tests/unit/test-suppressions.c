/* test-suppressions.c - files of LeakSanitizer and Valgrind: read, matched, bounded. */
#include "tests/tap.h"
#include "tests/traces/making.h"
#include "tracer/analyze/suppressions.h"

static int parse(struct mt_suppressions *s, const char *text, struct mt_error *err)
{
	char *copy = strdup(text);
	*err = (struct mt_error){0};
	*s = (struct mt_suppressions){0};
	int rc = mt_suppressions_parse(s, "known.supp", copy, err);
	free(copy);
	return rc;
}

static void is_refused(const char *text, const char *message)
{
	struct mt_suppressions s;
	struct mt_error err;
	is_int(parse(&s, text, &err), MT_ERR_USAGE);
	is_str(err.message, message);
	mt_suppressions_deinit(&s);
}

TEST(both_kinds_are_read_with_names_places_and_bounds)
{
	struct mt_suppressions s;
	struct mt_error err;
	is_int(parse(&s,
		     "# a comment, and = in it\n"
		     "leak:libcache.so\n"
		     "# max-bytes=4096 max-count=3 until=2027-01-31\n"
		     "leak:^start*end$\n"
		     "{\n   fonts\n   Memcheck:Leak\n   match-leak-kinds: reachable\n"
		     "   # max-bytes=1\n   fun:malloc\n   ...\n   obj:*libfont*\n}\n"
		     "{\n   jump\n   Memcheck:Cond\n   whatever\n}\n"
		     "{\r\n   crlf\r\n   Addrcheck,Memcheck:Leak\r\n   src:a.c:12\r\n}\r\n",
		     &err),
	       0);
	if (!is_int(s.count, 4))
		return;
	is_str(s.list[0].name, "leak:libcache.so");
	is_str(s.list[0].place, "known.supp:2");
	ok(!s.list[0].has_max_bytes && !*s.list[0].until);
	is_str(s.list[0].patterns[0].text, "*libcache.so*");
	is_str(s.list[1].patterns[0].text, "start*end");
	ok(s.list[1].has_max_bytes && s.list[1].max_bytes == 4096);
	ok(s.list[1].has_max_count && s.list[1].max_count == 3);
	is_str(s.list[1].until, "2027-01-31");
	is_str(s.list[2].name, "fonts");
	is_str(s.list[2].place, "known.supp:5");
	is_int(s.list[2].max_bytes, 1);
	is_int(s.list[2].pattern_count, 3);
	is_str(s.list[3].name, "crlf");
	ok(!s.list[3].has_max_bytes);
	mt_suppressions_deinit(&s);
}

TEST(a_comment_behind_a_leak_line_is_none_of_the_pattern)
{
	struct mt_suppressions s;
	struct mt_error err;
	is_int(parse(&s,
		     "leak:one # max-bytes=4096 until=2027-01-31\n"
		     "leak:two\t# of old\n"
		     "leak:c#three\n"
		     "# max-count=2\nleak:four  # max-bytes=8\n",
		     &err),
	       0);
	if (!is_int(s.count, 4))
		return;
	is_str(s.list[0].name, "leak:one");
	is_str(s.list[0].patterns[0].text, "*one*");
	ok(s.list[0].has_max_bytes && s.list[0].max_bytes == 4096);
	is_str(s.list[0].until, "2027-01-31");
	is_str(s.list[1].patterns[0].text, "*two*");
	ok(!s.list[1].has_max_bytes);
	is_str(s.list[2].patterns[0].text, "*c#three*");
	ok(s.list[3].has_max_count && s.list[3].has_max_bytes);
	mt_suppressions_deinit(&s);
	is_refused("leak:one # max-bytes=many\n",
		   "known.supp:1: no such number or date: 'max-bytes=many'");
}

TEST(what_nobody_understands_is_refused_with_its_line)
{
	is_refused(
		"\nrace:foo\n",
		"known.supp:2: expected leak:PATTERN or a block {...}, found: 'race:foo'");
	is_refused("leak:\n", "known.supp:1: a pattern is missing: 'leak:'");
	is_refused("# max-byte=3\nleak:a\n",
		   "known.supp:1: expected max-bytes=N, max-count=N or "
		   "until=YYYY-MM-DD, found: 'max-byte=3'");
	is_refused("# max-bytes=many\n",
		   "known.supp:1: no such number or date: 'max-bytes=many'");
	is_refused("# until=2027-13-01\n",
		   "known.supp:1: no such number or date: 'until=2027-13-01'");
	is_refused("# max-bytes=1 or so\n", "known.supp:1: no annotation: 'or'");
	is_refused("{\nname\nMemcheck:Leak\nfun:a\n",
		   "known.supp:5: the block does not end: 'known.supp:1'");
	is_refused("{\nname\nMemcheck:Leak\n}\n",
		   "known.supp:4: the block names no frame: 'name'");
	is_refused("{\nname\nMemcheck:Leak\nfn:a\n}\n",
		   "known.supp:4: expected fun:, obj:, src: or ..., found: 'fn:a'");
	is_refused("{\nname\n}\n", "known.supp:3: a block needs a name and a kind: '}'");
}

/*
 * main -> run -> parse -> xmalloc, and main -> load(char const*) in libplugin.so; 100
 * and 30 bytes.
 */
struct program {
	struct made made;
	struct mt_trace *trace;
	struct mt_locations locations;
	struct mt_frame_locations frames;
	struct mt_callsites callsites;
	struct mt_profile profile;
};

static uint32_t call(struct program *p, uint32_t parent, const char *function)
{
	return made_call(&p->made, parent, made_frame(&p->made, function, 1));
}

/* made_frame keeps the function where it usually has the file. */
static void name_frames(struct program *p)
{
	struct mt_error err = {0};
	for (size_t i = 0; i < p->trace->frames.count; i++) {
		const char *name =
			p->made.frames[p->trace->frames.list[i].offset / 16 - 1].file;
		struct mt_symbol symbol = {
			.function = name, .file = "/src/app.c", .line = (uint32_t)i + 1};
		mt_frame_locations_put(&p->frames, (uint32_t)i,
				       (struct mt_symbols){&symbol, 1}, &err);
	}
}

static void make_program(struct program *p)
{
	struct mt_error err = {0};
	struct mt_moment moment;
	*p = (struct program){0};
	made_begin(&p->made);
	uint32_t main = call(p, MADE_ROOT, "main");
	uint32_t leaf = call(p, call(p, call(p, main, "run"), "parse"),
			     "ns::xmalloc(unsigned long)");
	uint32_t load = call(p, main, "load[abi](char const*)");
	struct mt_record_snapshot snapshot = {.kind = MT_SNAPSHOT_EXIT,
					      .live_bytes = 130,
					      .live_count = 13,
					      .total_bytes = 130,
					      .total_count = 13};
	made_snapshot(&p->made, snapshot);
	made_row(&p->made, leaf, 100, 10);
	made_row(&p->made, load, 30, 3);
	made_snapshot_end(&p->made);
	ok(mt_trace_open(&p->trace, made_path(&p->made), MT_TRACE_LOAD_PROFILES, &err) ==
	   0);
	ok(mt_moment_find(p->trace, "exit", &moment, &err) == 0);
	ok(mt_profile_init(&p->profile, p->trace, &moment, false, &err) == 0);
	ok(mt_locations_init(&p->locations, &err) == 0);
	ok(mt_frame_locations_init(&p->frames, &p->locations, p->trace, NULL, 1, &err) ==
	   0);
	name_frames(p);
	ok(mt_callsites_init(&p->callsites, &p->frames, (struct mt_wrappers){0}, true,
			     &err) == 0);
}

static void free_program(struct program *p)
{
	mt_callsites_deinit(&p->callsites);
	mt_frame_locations_deinit(&p->frames);
	mt_locations_deinit(&p->locations);
	mt_profile_deinit(&p->profile);
	mt_trace_close(p->trace);
	made_end(&p->made);
}

/* What the rules of text let pass on that day; the state of the first. */
static int64_t dropped(const char *text, const char *today,
		       enum mt_suppression_state expected)
{
	struct mt_suppressions s;
	struct mt_error err;
	struct program p;
	struct mt_counts sum;
	make_program(&p);
	ok(parse(&s, text, &err) == 0);
	ok(mt_suppressions_judge(&s, &p.profile, &p.callsites, today, &err) == 0);
	ok(mt_suppressions_drop(&s, &p.profile, &p.callsites, &sum, &err) == 0);
	if (!is_int(s.list[0].state, expected))
		printf("# %s\n", text);
	mt_suppressions_deinit(&s);
	free_program(&p);
	return sum.bytes;
}

static void passes(const char *text, int64_t bytes)
{
	enum mt_suppression_state state =
		bytes ? MT_SUPPRESSION_USED : MT_SUPPRESSION_UNUSED;
	if (!is_int(dropped(text, "2026-11-20", state), bytes))
		printf("# %s\n", text);
}

TEST(leak_sanitizers_rules_match_any_frame)
{
	passes("leak:run\n", 100);
	passes("leak:^run$\n", 100);
	passes("leak:^un\n", 0);
	passes("leak:ru$\n", 0);
	passes("leak:^r*n$\n", 100);
	passes("leak:^r?n$\n", 0); /* no wildcard there */
	passes("leak:app.c\n", 130);
	passes("leak:/made/program\n", 130);
	passes("leak:main\n", 130);
	passes("leak:char const\n", 30);
	passes("leak:nothing\n", 0);
}

static void block(const char *frames, int64_t bytes)
{
	char text[512];
	snprintf(text, sizeof text, "{\n name\n Memcheck:Leak\n %s\n}\n", frames);
	passes(text, bytes);
}

TEST(valgrinds_blocks_match_the_innermost_frames_in_order)
{
	block("fun:ns::xmalloc", 100);
	block("fun:malloc\nfun:ns::xmalloc\nfun:parse", 100);
	block("fun:*alloc\nfun:ns::xmalloc\nfun:parse", 100);
	block("fun:malloc\nfun:parse", 0);
	block("fun:parse", 0);
	block("...\nfun:parse", 100);
	block("fun:malloc\n...\nfun:run\nfun:main", 100);
	block("...\nfun:run\nfun:parse", 0);
	block("...\nfun:main\n...", 130);
	block("obj:*vgpreload_memcheck*\nfun:_ZN2ns7xmallocEm", 100);
	block("fun:_ZN2ns7xmallocEi", 0);
	block("fun:load[abi]", 30);
	block("obj:/made/prog?am", 130);
	block("src:app.c", 130);
	block("src:app.c:5", 30);
	block("src:app.c:6", 0);
	block("...\n...\nfun:nothing", 0);
}

TEST(the_first_rule_of_several_counts)
{
	is_int(dropped("leak:run\n{\n a\n Memcheck:Leak\n ...\n fun:main\n}\n",
		       "2026-11-20", MT_SUPPRESSION_USED),
	       130);
	is_int(dropped("{\n a\n Memcheck:Leak\n ...\n fun:main\n}\nleak:run\n",
		       "2026-11-20", MT_SUPPRESSION_USED),
	       130);
}

TEST(a_rule_holds_up_to_its_bounds_and_through_its_last_day)
{
	is_int(dropped("# max-bytes=100\nleak:run\n", "2026-11-20", MT_SUPPRESSION_USED),
	       100);
	is_int(dropped("# max-bytes=99\nleak:run\n", "2026-11-20",
		       MT_SUPPRESSION_EXCEEDED),
	       0);
	is_int(dropped("# max-count=10\nleak:run\n", "2026-11-20", MT_SUPPRESSION_USED),
	       100);
	is_int(dropped("# max-count=9\nleak:run\n", "2026-11-20",
		       MT_SUPPRESSION_EXCEEDED),
	       0);
	is_int(dropped("# until=2026-11-20\nleak:run\n", "2026-11-20",
		       MT_SUPPRESSION_USED),
	       100);
	is_int(dropped("# until=2026-11-19\nleak:run\n", "2026-11-20",
		       MT_SUPPRESSION_EXPIRED),
	       0);
}

TEST(a_file_that_cannot_be_read_is_said_so)
{
	struct mt_suppressions s = {0};
	struct mt_error err = {0};
	is_int(mt_suppressions_read(&s, "/nonexistent/x.supp", &err), MT_ERR_MISSING);
	is_str(err.message, "/nonexistent/x.supp: No such file or directory");
	err = (struct mt_error){0};
	is_int(mt_suppressions_read(&s, "/dev/null", &err), 0);
	is_int(s.count, 0);
	is_int(mt_suppressions_read(&s, "/", &err), MT_ERR_SYSTEM);
}

TAP_MAIN()
