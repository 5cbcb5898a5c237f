/* test-callsite.c - which frame answers for a block: wrappers are passed over. */
#include "tests/tap.h"
#include "tests/traces/making.h"
#include "tracer/analyze/callsite.h"

static void is_plain(const char *function, const char *expected)
{
	char plain[64];
	mt_wrappers_plain_name(plain, sizeof plain, function);
	is_str(plain, expected);
}

TEST(plain_names_have_no_types_and_no_parameters)
{
	is_plain("xmalloc", "xmalloc");
	is_plain("operator new(unsigned long)", "operator new");
	is_plain("operator new[](unsigned long, std::nothrow_t const&)",
		 "operator new[]");
	is_plain("std::vector<int, std::allocator<int> >::push_back(int&&)",
		 "std::vector::push_back");
	is_plain("void std::vector<std::pair<int, f(*)(int)> >::emplace<int>(int&&)",
		 "std::vector::emplace");
	is_plain("(anonymous namespace)::make(int)", "(anonymous namespace)::make");
	is_plain("foo(int (*)(char), long) const", "foo");
	is_plain("bool operator<(A const&, B const&)", "operator<");
	is_plain("A::operator()(int) const", "A::operator()");
	is_plain("main::{lambda(int)#1}::operator()(int) const",
		 "main::{lambda(int)#1}::operator()");
	is_plain("", "");
	char tiny[4];
	mt_wrappers_plain_name(tiny, sizeof tiny, "abcdefgh");
	is_str(tiny, "abc");
}

static bool is_wrapper(const char *function, const char *file)
{
	static const char *const names[] = {"my_alloc"};
	struct mt_wrappers wrappers = {names, 1};
	struct mt_location location = {.function = function, .file = file};
	return mt_wrappers_has(&wrappers, &location);
}

TEST(wrappers_are_known_by_name_and_by_the_library_of_their_source)
{
	const char *const known[] = {
		"malloc",
		"strdup",
		"g_malloc",
		"xmalloc",
		"xrealloc",
		"do_xmalloc",
		"sqlite3Malloc",
		"sqlite3MemMalloc",
		"PyMem_Malloc",
		"PyObject_Malloc",
		"_PyObject_GC_New",
		"Perl_safesysmalloc",
		"__zend_malloc",
		"_erealloc2",
		"_Znwm",
		"operator new(unsigned long)",
		"sqlite3DbMallocRawNN",
		"zmalloc",
		"palloc",
		"g_strdup",
		"__rust_alloc",
		"xzalloc",
		"CRYPTO_malloc",
		"asprintf",
		"zrealloc_usable",
		"os::malloc(unsigned long, MEMFLAGS)",
		"icu_72::UMemory::operator new(unsigned long)",
		"llvm::SmallVectorBase<unsigned int>::grow_pod(void*, unsigned long)",
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!ok(is_wrapper(known[i], "/src/x.c")))
			printf("# %s\n", known[i]);
	ok(is_wrapper("std::string::_M_create(unsigned long&, unsigned long)", NULL));
	ok(is_wrapper("push_back", "/usr/include/c++/12/bits/stl_vector.h"));
	ok(is_wrapper("alloc::raw_vec::finish_grow",
		      "/rustc/9fc6/library/alloc/src/x.rs"));
	ok(is_wrapper("my_alloc", "/src/x.c"));
	ok(!is_wrapper("my_allocator", "/src/x.c"));
	ok(!is_wrapper("parse_item", "/src/x.c"));
	ok(!is_wrapper("std::hash<User>::operator()(User const&) const", "/src/user.cc"));
	ok(!is_wrapper(NULL, NULL));
	ok(!is_wrapper("main", NULL));
	ok(is_wrapper("_start", NULL));
}

TEST(the_c_library_is_known_by_the_name_of_its_files)
{
	ok(mt_wrappers_has_module("/lib/x86_64-linux-gnu/libc.so.6", 0));
	ok(mt_wrappers_has_module("/lib/libc-2.31.so", 0));
	ok(mt_wrappers_has_module("/lib64/ld-linux-x86-64.so.2", 0));
	ok(mt_wrappers_has_module("/usr/lib/libstdc++.so.6.0.30", 0));
	ok(mt_wrappers_has_module("/anywhere/x", MT_MODULE_MEMTRACE));
	ok(!mt_wrappers_has_module("/usr/lib/libcurl.so.4", 0));
	ok(!mt_wrappers_has_module("/usr/lib/libcrypto.so.3", 0));
	ok(!mt_wrappers_has_module("/home/me/libc.so.6", MT_MODULE_MAIN));
	ok(!mt_wrappers_has_module("/usr/bin/ld", 0));
}

/* A trace with frames that have any function: named by "file" of making.h. */
struct bench {
	struct made made;
	struct mt_trace *trace;
	struct mt_locations locations;
	struct mt_frame_locations frames;
	struct mt_callsites callsites;
};

static void bench_open(struct bench *bench, bool is_raw)
{
	struct mt_error err = {0};
	made_snapshot(&bench->made, made_sums(MT_SNAPSHOT_EXIT, 0, 0));
	made_snapshot_end(&bench->made);
	if (mt_trace_open(&bench->trace, made_path(&bench->made), MT_TRACE_LOAD_PROFILES,
			  &err) < 0 ||
	    mt_locations_init(&bench->locations, &err) < 0 ||
	    mt_frame_locations_init(&bench->frames, &bench->locations, bench->trace, NULL,
				    1, &err) < 0 ||
	    mt_callsites_init(&bench->callsites, &bench->frames, (struct mt_wrappers){0},
			      is_raw, &err) < 0)
		abort();
}

static void bench_close(struct bench *bench)
{
	mt_callsites_deinit(&bench->callsites);
	mt_frame_locations_deinit(&bench->frames);
	mt_locations_deinit(&bench->locations);
	mt_trace_close(bench->trace);
	made_end(&bench->made);
}

static void name_frame(struct bench *bench, uint32_t frame_id, struct mt_symbols symbols)
{
	struct mt_error err = {0};
	uint32_t place = mt_ids_find(&bench->trace->frame_ids, frame_id);
	ok(mt_frame_locations_put(&bench->frames, bench->trace->frame_ids.indices[place],
				  symbols, &err) == 0);
}

static const struct mt_location *key_of(struct bench *bench, uint32_t traceback)
{
	struct mt_error err = {0};
	uint32_t node = mt_trace_node(bench->trace, traceback);
	ok(mt_callsites_resolve(&bench->callsites, &node, 1, &err) == 0);
	return &bench->locations.list[mt_callsites_get(&bench->callsites, node)];
}

static struct mt_symbols functions(struct mt_symbol *list, size_t count)
{
	return (struct mt_symbols){list, count};
}

TEST(the_key_frame_is_the_innermost_of_the_users_code)
{
	struct bench bench;
	made_begin(&bench.made);
	uint32_t outer = made_frame(&bench.made, "f", 1);
	uint32_t inner = made_frame(&bench.made, "f", 2);
	uint32_t traceback =
		made_call(&bench.made, made_call(&bench.made, MADE_ROOT, outer), inner);
	bench_open(&bench, false);
	struct mt_symbol user = {.function = "parse", .file = "/s/p.c", .line = 3};
	/* One address: xmalloc inlined into allocate, which is inlined into my_new. */
	struct mt_symbol inlined[] = {
		{.function = "xmalloc", .file = "/s/x.c", .line = 1, .is_inlined = true},
		{.function = "strdup", .file = "/s/x.c", .line = 2},
	};
	name_frame(&bench, outer, functions(&user, 1));
	name_frame(&bench, inner, functions(inlined, 2));
	is_str(key_of(&bench, traceback)->function, "parse");
	bench_close(&bench);
}

TEST(an_inlined_wrapper_leaves_the_function_it_is_in)
{
	struct bench bench;
	made_begin(&bench.made);
	uint32_t frame = made_frame(&bench.made, "f", 1);
	uint32_t traceback = made_call(&bench.made, MADE_ROOT, frame);
	bench_open(&bench, false);
	struct mt_symbol inlined[] = {
		{.function = "xmalloc", .file = "/s/x.c", .line = 1, .is_inlined = true},
		{.function = "parse", .file = "/s/p.c", .line = 9},
	};
	name_frame(&bench, frame, functions(inlined, 2));
	is_int(key_of(&bench, traceback)->line, 9);
	bench_close(&bench);
}

/* From inside out: two frames without names, one with this name, one of the user's. */
static bool is_inside(const char *name)
{
	struct bench bench;
	made_begin(&bench.made);
	uint32_t frames[4], traceback = MADE_ROOT;
	for (int i = 3; i >= 0; i--) {
		frames[i] = made_frame(&bench.made, "f", (uint32_t)i + 1);
		traceback = made_call(&bench.made, traceback, frames[i]);
	}
	bench_open(&bench, false);
	struct mt_symbol nameless = {0}, named = {.function = name},
			 user = {.function = "parse"};
	name_frame(&bench, frames[0], functions(&nameless, 1));
	name_frame(&bench, frames[1], functions(&nameless, 1));
	name_frame(&bench, frames[2], functions(&named, 1));
	name_frame(&bench, frames[3], functions(&user, 1));
	const char *key = key_of(&bench, traceback)->function;
	bool answer = key && !strcmp(key, "parse");
	bench_close(&bench);
	return answer;
}

TEST(what_has_no_name_is_inside_the_known_wrapper_that_calls_it)
{
	ok(is_inside("palloc"));
	ok(is_inside("icu::UMemory::operator new(unsigned long)"));
	ok(!is_inside("build"));
	ok(!is_inside("_start"));
	ok(!is_inside("std::thread::_State_impl::_M_run()"));
}

TEST(where_only_wrappers_are_left_the_innermost_answers)
{
	struct bench bench;
	made_begin(&bench.made);
	made_module(&bench.made, 2, "/lib/libc.so.6", 0);
	made_put(&bench.made,
		 (struct mt_record){.kind = MT_RECORD_FRAME,
				    .frame = {.id = 1, .module = 2, .offset = 0x99}});
	bench.made.frame_count = 1;
	uint32_t frame = made_frame(&bench.made, "f", 1);
	uint32_t start = made_call(&bench.made, MADE_ROOT, frame);
	uint32_t traceback = made_call(&bench.made, start, 1);
	uint32_t alone = made_call(&bench.made, MADE_ROOT, 1);
	bench_open(&bench, false);
	struct mt_symbol symbol = {.function = "_start"};
	name_frame(&bench, frame, functions(&symbol, 1));
	is_str(key_of(&bench, traceback)->module, "/lib/libc.so.6");
	is_int(key_of(&bench, alone)->offset, 0x99);
	is_str(key_of(&bench, MADE_INHERITED)->function, "[inherited]");
	ok(!key_of(&bench, MADE_ROOT)->function);
	bench_close(&bench);
}

TEST(raw_frames_take_the_innermost_as_it_is)
{
	struct bench bench;
	made_begin(&bench.made);
	uint32_t outer = made_frame(&bench.made, "f", 1);
	uint32_t inner = made_frame(&bench.made, "f", 2);
	uint32_t traceback =
		made_call(&bench.made, made_call(&bench.made, MADE_ROOT, outer), inner);
	bench_open(&bench, true);
	struct mt_symbol wrapper = {.function = "xmalloc", .file = "/s/x.c", .line = 1};
	name_frame(&bench, inner, functions(&wrapper, 1));
	is_str(key_of(&bench, traceback)->function, "xmalloc");
	bench_close(&bench);
}

TEST(a_long_chain_of_wrappers_is_followed_to_its_end)
{
	struct bench bench;
	made_begin(&bench.made);
	uint32_t traceback = MADE_ROOT;
	uint32_t ids[30];
	for (uint32_t i = 0; i < 30; i++) {
		ids[i] = made_frame(&bench.made, "f", i + 1);
		traceback = made_call(&bench.made, traceback, ids[i]);
	}
	bench_open(&bench, false);
	struct mt_symbol user = {.function = "parse"}, wrapper = {.function = "xmalloc"};
	for (int i = 0; i < 30; i++)
		name_frame(&bench, ids[i], functions(i ? &wrapper : &user, 1));
	is_str(key_of(&bench, traceback)->function, "parse");
	bench_close(&bench);
}

TAP_MAIN()
