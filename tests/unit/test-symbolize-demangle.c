/*
 * Linker names to the names that people wrote.
 */
#include "tests/tap.h"
#include "tracer/analyze/symbolize-demangle.h"

static void check(const char *name, const char *expected)
{
	char *plain = mt_demangle(name);
	is_str(plain ? plain : name, expected);
	free(plain);
}

TEST(cplusplus_names_are_shown_with_their_parameters)
{
	check("_ZN4shop4TillD2Ev", "shop::Till::~Till()");
	check("_ZNSt6vectorIiSaIiEE9push_backERKi",
	      "std::vector<int, std::allocator<int> >::push_back(int const&)");
	check("_ZZ4mainENKUliE_clEi", "main::{lambda(int)#1}::operator()(int) const");
	check("_Znwm", "operator new(unsigned long)");
}

TEST(rust_names_are_shown_without_hash)
{
	check("_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE",
	      "core::fmt::Write::write_fmt");
	check("_ZN60_$LT$alloc..string..String$u20$as$u20$core..clone..Clone$GT$5clone"
	      "17h0123456789abcdefE",
	      "<alloc::string::String as core::clone::Clone>::clone");
	check("_RNvC6_123foo3bar", "123foo::bar");
	check("_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>");
	check("_RNvNtCs1234_7mycrate3foo3bar", "mycrate::foo::bar");
}

TEST(parts_and_clones_have_the_name_of_the_whole)
{
	check("parse.part.0", "parse");
	check("parse.constprop.0.isra.0", "parse");
	check("main.cold", "main");
	check("_ZN4shop5labelEi.cold", "shop::label(int)");
	check("inside.0", "inside.0");
	check("main.init", "main.init");
	check("runtime.mallocgc", "runtime.mallocgc");
}

TEST(versions_are_left_out)
{
	check("malloc@@GLIBC_2.2.5", "malloc");
	check("memcpy@GLIBC_2.14", "memcpy");
	check("@odd", "@odd");
}

TEST(other_names_stay_as_they_are)
{
	static const char *const names[] = {"main", "",     "_",  "_Z",     "_R",
					    "_Zzz", "_RNv", ".L", "_Rmain", "_ZN"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		check(names[i], names[i]);
}

/* Deep nesting, endless length, and a few bytes that stand for very many. */
TEST(pathological_names_do_no_harm)
{
	enum {
		LENGTH = 1 << 20
	};
	static char name[LENGTH + 1];
	static const char *const parts[] = {"_ZP",  "_ZN1a",  "_Z1fIS_E", "_RNv",
					    "_RYY", "_ZN17h", "_Z1aDTcl"};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		static const size_t lengths[] = {100, 5000, 20000, LENGTH};
		for (size_t k = 0; k < 4; k++) {
			size_t part = strlen(parts[i]);
			memcpy(name, parts[i], part);
			for (size_t at = part; at < lengths[k]; at++)
				name[at] = parts[i][2 + (at - part) % (part - 2)];
			name[lengths[k]] = '\0';
			char *plain = mt_demangle(name);
			ok(!plain || strlen(plain) <= 64 << 10);
			free(plain);
		}
	}
}

TAP_MAIN()
