/*
 * Addresses to frames, compared with addr2line over programs built in many ways.
 */
#include "tests/symbolize-oracle.h"

static const struct mt_symbolizer_options uncached = {.no_cache = true};

static void check_agreement(struct agreement agreement, unsigned same_per_mille,
			    unsigned lines_per_mille)
{
	ok(agreement.asked > 30);
	ok(agreement.same_lines * 1000 >= agreement.asked * lines_per_mille);
	ok(agreement.same * 1000 >= agreement.asked * same_per_mille);
}

static void compare_with_addr2line(const char *source, const char *flags,
				   unsigned same_per_mille, unsigned lines_per_mille)
{
	build(source, flags, "asked");
	struct binary binary = look_at(in_work("asked"));
	check_agreement(agreement_with_addr2line(&binary, binary.path, uncached,
						 pcs_of(binary.path, 3)),
			same_per_mille, lines_per_mille);
}

/* In C++ addr2line has but a short name where there is no linker name; we the symbol's. */
static void compare_both(const char *flags)
{
	compare_with_addr2line("inlined.c", flags, 1000, 1000);
	compare_with_addr2line("lambdas.cc", flags, 900, 1000);
}

/* Where addr2line itself fails: the same as with a plain build of the same code. */
static void compare_with_plain(const char *base_flags, const char *flags)
{
	static const char *const sources[] = {"inlined.c", "lambdas.cc"};
	for (int i = 0; i < 2; i++) {
		char all[256];
		snprintf(all, sizeof all, "%s %s", base_flags, flags);
		build(sources[i], all, "asked");
		build(sources[i], base_flags, "plain");
		struct binary binary = look_at(in_work("asked"));
		struct binary plain = look_at(in_work("plain"));
		check_agreement(agreement_between(&binary, uncached, &plain,
						  pcs_of(plain.path, 3)),
				1000, 1000);
	}
}

TEST(dwarf_5_unoptimized)
{
	compare_with_addr2line("inlined.c", "-g -O0 -gdwarf-5", 1000, 1000);
	/* binutils 2.40 takes another file of the same unit at some places. */
	compare_with_addr2line("lambdas.cc", "-g -O0 -gdwarf-5", 900, 950);
}

TEST(dwarf_5_optimized)
{
	compare_both("-g -O2 -gdwarf-5");
}

TEST(dwarf_4_unoptimized)
{
	compare_both("-g -O0 -gdwarf-4");
}

TEST(dwarf_4_optimized)
{
	compare_both("-g -O2 -gdwarf-4");
}

TEST(compressed_debug_information)
{
	compare_both("-g -O2 -gz");
}

TEST(fixed_addresses)
{
	compare_with_addr2line("inlined.c", "-g -O2 -no-pie", 1000, 1000);
}

TEST(compressed_the_old_way)
{
	compare_with_plain("-g -O2", "-gz=zlib-gnu");
}

TEST(type_units)
{
	compare_with_plain("-g -O2", "-fdebug-types-section");
}

TEST(split_dwarf_5)
{
	compare_with_plain("-g -O2 -gdwarf-5", "-gsplit-dwarf");
}

TEST(split_dwarf_4)
{
	compare_with_plain("-g -O2 -gdwarf-4", "-gsplit-dwarf");
}

/* The line table's file, where addr2line 2.40 says <artificial>. */
TEST(link_time_optimization)
{
	build("inlined.c", "-g -O2 -flto", "asked");
	struct binary binary = look_at(in_work("asked"));
	struct pcs *pcs = pcs_of(binary.path, 3);
	struct mt_symbolizer *symbolizer = symbolizer_of(&binary, uncached);
	size_t seen = 0;
	ask(symbolizer, pcs);
	for (size_t i = 0; i < pcs->count; i++) {
		struct mt_symbols symbols =
			mt_symbolizer_find(symbolizer, 7, pcs->list[i], false);
		const struct mt_symbol *last = &symbols.list[symbols.count - 1];
		if (!last->function || strcmp(last->function, "outer") != 0)
			continue;
		ok(last->file && strstr(last->file, "/tests/programs/inlined.c"));
		seen += symbols.count > 1;
	}
	ok(seen > 0);
	mt_symbolizer_destroy(symbolizer);
}

/* Several units claim the code of the discarded copies; one answers. */
TEST(no_frame_is_told_twice_where_units_overlap)
{
	char here[256];
	ok(getcwd(here, sizeof here) != NULL);
	if (!shell("g++ -g -O1 -fno-inline -Dmain=one -c '%s/tests/programs/lambdas.cc' "
		   "-o one.o && g++ -g -O1 -fno-inline '%s/tests/programs/lambdas.cc' "
		   "one.o -Wl,-z,muldefs -o asked",
		   here, here))
		skip_test("the compiler cannot do it");
	struct binary binary = look_at(in_work("asked"));
	struct agreement agreement = agreement_with_addr2line(
		&binary, binary.path, uncached, pcs_of(binary.path, 5));
	ok(agreement.asked > 100);
	/*
	 * Aside from constructors and destructors that are copies of each other, and from
	 * what the C++ library of gcc 14 inlines always.
	 */
	ok(agreement.frames <= agreement.asked + agreement.asked / 20);
	ok(agreement.same_lines * 100 >= agreement.asked * 95);
}

/* clang has other forms of everything, and no names for what it makes up itself. */
TEST(what_clang_writes)
{
	compare_with_addr2line("lambdas.cc", "--clang -g -O2 -gdwarf-4", 990, 990);
	compare_with_addr2line("lambdas.cc", "--clang -g -O0 -gdwarf-5", 950, 950);
}

TEST(what_clang_splits)
{
	build("lambdas.cc", "--clang -g -O2 -gdwarf-5 -gsplit-dwarf", "asked");
	build("lambdas.cc", "--clang -g -O2 -gdwarf-5", "plain");
	struct binary binary = look_at(in_work("asked")),
		      plain = look_at(in_work("plain"));
	check_agreement(
		agreement_between(&binary, uncached, &plain, pcs_of(plain.path, 3)), 1000,
		1000);
}

/* Real programs; the rest is files that addr2line takes from elsewhere in the unit. */
TEST(installed_programs)
{
	static const char libc[] = "/lib/x86_64-linux-gnu/libc.so.6";
	struct binary asked = look_at(libc);
	char debug[512] = "/usr/lib/debug/.build-id/";
	for (size_t i = 0; i < asked.build_id_bytes; i++)
		sprintf(debug + strlen(debug), i ? "%02x" : "%02x/", asked.build_id[i]);
	strcat(debug, ".debug");
	if (access(debug, R_OK))
		skip_test("no debug file of the C library here");
	struct agreement agreement =
		agreement_with_addr2line(&asked, debug, uncached, pcs_of(debug, 512));
	/*
	 * Where others call a function by another name than the library itself, ours is that:
	 * `pwrite`, where addr2line has `__libc_pwrite64`.
	 */
	agreement.same = agreement.alike;
	check_agreement(agreement, 800, 900);
}

/* A return address belongs to the call before it, which may end another line. */
TEST(a_return_address_stands_for_its_call)
{
	build("inlined.c", "-g -O0", "asked");
	struct binary binary = look_at(in_work("asked"));
	struct pcs *pcs = pcs_of(binary.path, 1);
	struct mt_symbolizer *symbolizer = symbolizer_of(&binary, uncached);
	struct mt_error err = {0};
	ask(symbolizer, pcs);
	for (size_t i = 0; i < pcs->count; i++)
		is_int(mt_symbolizer_add(symbolizer, 7, pcs->list[i] + 1, true, &err), 0);
	is_int(mt_symbolizer_resolve(symbolizer, &err), 0);
	for (size_t i = 0; i < pcs->count; i++) {
		struct mt_symbols at =
			mt_symbolizer_find(symbolizer, 7, pcs->list[i], false);
		struct mt_symbols back =
			mt_symbolizer_find(symbolizer, 7, pcs->list[i] + 1, true);
		ok(at.list == back.list);
	}
	mt_symbolizer_destroy(symbolizer);
}

/* Symbols that were handed out stay where they are, whatever is asked for later. */
TEST(symbols_stay_until_the_end)
{
	build("inlined.c", "-g -O2", "asked");
	struct binary binary = look_at(in_work("asked"));
	struct pcs *pcs = pcs_of(binary.path, 1);
	struct mt_symbolizer *symbolizer = symbolizer_of(&binary, uncached);
	struct mt_error err = {0};
	is_int(mt_symbolizer_add(symbolizer, 7, pcs->list[0], false, &err), 0);
	is_int(mt_symbolizer_resolve(symbolizer, &err), 0);
	struct mt_symbols first = mt_symbolizer_find(symbolizer, 7, pcs->list[0], false);
	char before[ORACLE_TEXT], after[ORACLE_TEXT];
	describe(first, before, sizeof before);
	ask(symbolizer, pcs);
	describe(first, after, sizeof after);
	is_str(after, before);
	ok(mt_symbolizer_find(symbolizer, 7, pcs->list[0], false).list == first.list);
	mt_symbolizer_destroy(symbolizer);
}

/* The value of a symbol, as nm prints it. */
static uint64_t value_of(const char *name)
{
	char line[512];
	uint64_t value = 0;
	shell("nm -C asked | grep -w '%s$' >value", name);
	FILE *file = fopen(in_work("value"), "r");
	if (file && fgets(line, sizeof line, file))
		value = strtoull(line, NULL, 16);
	if (file)
		fclose(file);
	return value;
}

static void is_variable(const struct mt_symbolizer *symbolizer, uint64_t offset,
			bool is_thread_local, const char *expected)
{
	is_str(mt_symbolizer_find_variable(symbolizer, 7, offset, is_thread_local),
	       expected);
}

TEST(variables_thread_locals_and_vtables_have_names)
{
	shell("printf '%%s' 'struct Base { virtual ~Base() {} }; struct Derived : Base {}; "
	      "static struct { long a, b; } cache; __thread long first, slot; "
	      "int main() { Base *base = new Derived; cache.b += slot + first; "
	      "return cache.a + (base == 0); }' >variables.cc && "
	      "g++ -g -O0 variables.cc -o asked");
	struct binary binary = look_at(in_work("asked"));
	struct mt_symbolizer *symbolizer = symbolizer_of(&binary, uncached);
	struct mt_error err = {0};
	uint64_t cache = value_of("cache"), vtable = value_of("vtable for Derived");
	uint64_t slot = value_of("slot"), main_function = value_of("main");
	ok(cache && vtable && main_function);
	for (uint64_t i = 0; i < 24; i += 8) {
		is_int(mt_symbolizer_add_variable(symbolizer, 7, cache + i, false, &err),
		       0);
		is_int(mt_symbolizer_add_variable(symbolizer, 7, vtable + i, false, &err),
		       0);
	}
	is_int(mt_symbolizer_add_variable(symbolizer, 7, slot, true, &err), 0);
	is_int(mt_symbolizer_add_variable(symbolizer, 7, main_function, false, &err), 0);
	is_int(mt_symbolizer_add_variable(symbolizer, 7, UINT64_MAX, false, &err), 0);
	is_int(mt_symbolizer_add(symbolizer, 7, main_function, false, &err), 0);
	is_int(mt_symbolizer_resolve(symbolizer, &err), 0);
	is_variable(symbolizer, cache, false, "cache");
	is_variable(symbolizer, cache + 8, false, "cache+8");
	is_variable(symbolizer, vtable + 16, false, "vtable for Derived+16");
	is_variable(symbolizer, slot, true, "slot");
	is_variable(symbolizer, main_function, false, NULL);
	is_variable(symbolizer, UINT64_MAX, false, NULL);
	is_str(mt_symbolizer_find(symbolizer, 7, main_function, false).list[0].function,
	       "main");
	mt_symbolizer_destroy(symbolizer);
}

TEST(what_was_not_asked_for_is_unknown)
{
	build("inlined.c", "-g -O2", "asked");
	struct binary binary = look_at(in_work("asked"));
	struct mt_symbolizer *symbolizer = symbolizer_of(&binary, uncached);
	struct mt_error err = {0};
	is_int(mt_symbolizer_add(symbolizer, 99, 1, false, &err), 0);
	is_int(mt_symbolizer_add(symbolizer, 7, UINT64_MAX, false, &err), 0);
	is_int(mt_symbolizer_add(symbolizer, 7, 0, true, &err), 0);
	is_int(mt_symbolizer_resolve(symbolizer, &err), 0);
	static const uint64_t offsets[] = {0, 1, 0x1100, UINT64_MAX};
	for (size_t i = 0; i < 4; i++) {
		for (uint32_t module = 6; module < 9; module++) {
			struct mt_symbols symbols =
				mt_symbolizer_find(symbolizer, module, offsets[i], false);
			is_int(symbols.count, 1);
			is_str(symbols.list[0].function, NULL);
			is_str(symbols.list[0].file, NULL);
		}
	}
	mt_symbolizer_destroy(symbolizer);
}

TAP_MAIN()
