/*
 * Addresses to frames, compared with addr2line over programs built in many ways.
 */
#include "tests/symbolize-oracle.h"

static const char c_source[] =
	"#include <stdlib.h>\n"
	"static inline int add(int a, int b) { return a + b * rand(); }\n"
	"static inline int twice(int a) {\n"
	"	if (a > 3)\n"
	"		return add(a, a);\n"
	"	return add(a, 7) - 1;\n"
	"}\n"
	"__attribute__((noinline)) int outer(int a) {\n"
	"	int sum = 0;\n"
	"	for (int i = 0; i < a; i++) {\n"
	"		int part = twice(i);\n"
	"		sum += part ^ twice(sum);\n"
	"	}\n"
	"	return sum;\n"
	"}\n"
	"static int nested(int a) {\n"
	"	int inside(int b) { return b + a + rand(); }\n"
	"	int (*volatile pointer)(int) = inside;\n"
	"	return pointer(a) + inside(3);\n"
	"}\n"
	"int main(int argc, char **argv) {\n"
	"	(void)argv;\n"
	"	return outer(argc) + nested(argc);\n"
	"}\n";

static const char cxx_source[] =
	"#include <algorithm>\n"
	"#include <functional>\n"
	"#include <map>\n"
	"#include <string>\n"
	"#include <vector>\n"
	"namespace shop {\n"
	"template <class T> struct Shelf {\n"
	"	std::vector<T> items;\n"
	"	void put(T item) { items.push_back(std::move(item)); }\n"
	"	template <class F> void each(F f) { for (auto &i : items) f(i); }\n"
	"};\n"
	"namespace {\n"
	"__attribute__((noinline)) std::string label(int n) {\n"
	"	return std::to_string(n) + \"!\";\n"
	"}\n"
	"}\n"
	"struct Till { virtual ~Till() {} virtual long total(const Shelf<int> &s) const; };\n"
	"long Till::total(const Shelf<int> &s) const {\n"
	"	long sum = 0;\n"
	"	for (int i : s.items) sum += i;\n"
	"	return sum;\n"
	"}\n"
	"}\n"
	"static std::function<int(int)> adder(int n) {\n"
	"	return [n](int x) { return x + n; };\n"
	"}\n"
	"int main(int argc, char **) {\n"
	"	shop::Shelf<int> numbers;\n"
	"	shop::Shelf<std::string> names;\n"
	"	std::map<std::string, int> index;\n"
	"	for (int i = 0; i < argc * 3; i++) {\n"
	"		numbers.put(i);\n"
	"		names.put(shop::label(i));\n"
	"		index[names.items.back()] = adder(i)(argc);\n"
	"	}\n"
	"	std::sort(numbers.items.begin(), numbers.items.end(),\n"
	"		  [](int a, int b) { return a > b; });\n"
	"	long sum = shop::Till().total(numbers);\n"
	"	names.each([&](const std::string &s) { sum += index[s]; });\n"
	"	return static_cast<int>(sum);\n"
	"}\n";

static const struct mt_symbolizer_options uncached = {.no_cache = true};

static const char *const programs[] = {"c", "cxx"};

/* Build both programs as c and cxx with a suffix. */
static void build(const char *flags, const char *suffix)
{
	write_text("prog.c", c_source);
	write_text("prog.cc", cxx_source);
	if (!shell("gcc %s prog.c -o c%s && g++ %s prog.cc -o cxx%s", flags, suffix,
		   flags, suffix))
		skip_test("the compilers cannot do it");
}

static void check_agreement(struct agreement agreement, unsigned same_per_mille,
			    unsigned lines_per_mille)
{
	ok(agreement.asked > 30);
	ok(agreement.same_lines * 1000 >= agreement.asked * lines_per_mille);
	ok(agreement.same * 1000 >= agreement.asked * same_per_mille);
}

/*
 * addr2line agrees in all chains of lines, except that binutils 2.40 takes the wrong file
 * at some places in unoptimized DWARF 5. In C++ it has but a short name for functions
 * without linker name, where ours is the symbol's.
 */
static void check_build(const char *flags, unsigned lines_per_mille)
{
	build(flags, "");
	for (int i = 0; i < 2; i++) {
		struct binary binary = look_at(in_work(programs[i]));
		check_agreement(agreement_with_addr2line(&binary, binary.path, uncached,
							 pcs_of(binary.path, 3)),
				i ? 900 : 1000, i ? lines_per_mille : 1000);
	}
}

/* Where addr2line itself fails: the same as with a plain build of the same code. */
static void check_like_plain(const char *base_flags, const char *flags)
{
	char all[256];
	snprintf(all, sizeof all, "%s %s", base_flags, flags);
	build(all, "");
	build(base_flags, "-plain");
	for (int i = 0; i < 2; i++) {
		char plain_path[64];
		snprintf(plain_path, sizeof plain_path, "%s-plain", programs[i]);
		struct binary binary = look_at(in_work(programs[i]));
		struct binary plain = look_at(in_work(plain_path));
		check_agreement(agreement_between(&binary, uncached, &plain,
						  pcs_of(plain.path, 3)),
				1000, 1000);
	}
}

TEST(dwarf_5_unoptimized)
{
	check_build("-g -O0 -gdwarf-5", 960);
}

TEST(dwarf_5_optimized)
{
	check_build("-g -O2 -gdwarf-5", 1000);
}

TEST(dwarf_4_unoptimized)
{
	check_build("-g -O0 -gdwarf-4", 1000);
}

TEST(dwarf_4_optimized)
{
	check_build("-g -O2 -gdwarf-4", 1000);
}

TEST(compressed_debug_information)
{
	check_build("-g -O2 -gz", 1000);
}

TEST(compressed_the_old_way)
{
	check_like_plain("-g -O2", "-gz=zlib-gnu");
}

TEST(type_units)
{
	check_like_plain("-g -O2", "-fdebug-types-section");
}

TEST(fixed_addresses)
{
	check_build("-g -O2 -no-pie", 1000);
}

TEST(split_dwarf_5)
{
	check_like_plain("-g -O2 -gdwarf-5", "-gsplit-dwarf");
}

TEST(split_dwarf_4)
{
	check_like_plain("-g -O2 -gdwarf-4", "-gsplit-dwarf");
}

TAP_MAIN()
