/*
 * Damaged and hostile ELF files and debug information: never a crash, a hang or endless
 * memory; what is intact is used.
 */
#include "tests/symbolize-oracle.h"

#include <time.h>

enum {
	MAX_BYTES = 1 << 20,
	SECONDS = 300 /* a hang is a failure */
};

static const struct mt_symbolizer_options uncached = {.no_cache = true};

struct content {
	unsigned char bytes[MAX_BYTES];
	size_t count;
};

static struct content *content_of(const char *name)
{
	static struct content content;
	FILE *file = fopen(in_work(name), "r");
	content.count = fread(content.bytes, 1, MAX_BYTES, file);
	fclose(file);
	ok(content.count > 1000 && content.count < MAX_BYTES);
	return &content;
}

static void put(const char *name, const unsigned char *bytes, size_t count)
{
	FILE *file = fopen(in_work(name), "w");
	ok(fwrite(bytes, 1, count, file) == count);
	fclose(file);
}

/* A count of answers that tell anything; asking is the test. */
static size_t ask_damaged(const struct pcs *pcs)
{
	struct binary damaged = {0};
	snprintf(damaged.path, sizeof damaged.path, "%s", in_work("damaged"));
	struct mt_symbolizer *symbolizer = symbolizer_of(&damaged, uncached);
	ask(symbolizer, pcs);
	size_t told = 0;
	for (size_t i = 0; i < pcs->count; i++) {
		struct mt_symbols symbols =
			mt_symbolizer_find(symbolizer, 7, pcs->list[i], false);
		ok(symbols.count > 0);
		for (size_t k = 0; k < symbols.count; k++)
			told += symbols.list[k].function &&
				strlen(symbols.list[k].function) > 0;
	}
	mt_symbolizer_destroy(symbolizer);
	oracle_notices[0] = '\0';
	return told;
}

static void flip_bits(const char *flags, int rounds)
{
	alarm(SECONDS);
	build("inlined.c", flags, "whole");
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	printf("# SEED=%u\n", seed);
	srand(seed);
	struct pcs *pcs = pcs_of(in_work("whole"), 9);
	struct content *content = content_of("whole");
	static unsigned char bytes[MAX_BYTES];
	size_t told = 0;
	for (int round = 0; round < rounds; round++) {
		memcpy(bytes, content->bytes, content->count);
		for (int i = 1 + rand() % 30; i; i--)
			bytes[(unsigned)rand() % content->count] ^= 1u << rand() % 8;
		put("damaged", bytes, content->count);
		told += ask_damaged(pcs);
	}
	ok(told > 0);
}

TEST(flipped_bits)
{
	flip_bits("-g -O2", 150);
}

TEST(flipped_bits_in_dwarf_4)
{
	flip_bits("-g -O2 -gdwarf-4", 100);
}

TEST(flipped_bits_in_compressed_sections)
{
	flip_bits("-g -O2 -gz", 100);
}

/* The header and the tables at both ends decide where all else is looked for. */
TEST(flipped_bits_in_headers)
{
	alarm(SECONDS);
	build("inlined.c", "-g -O2", "whole");
	struct pcs *pcs = pcs_of(in_work("whole"), 9);
	struct content *content = content_of("whole");
	size_t told = 0;
	for (size_t bit = 0; bit < 64 * 8; bit += 3) {
		content->bytes[bit / 8] ^= 1u << bit % 8;
		put("damaged", content->bytes, content->count);
		content->bytes[bit / 8] ^= 1u << bit % 8;
		told += ask_damaged(pcs);
	}
	ok(told > 0);
}

TEST(truncated_files)
{
	alarm(SECONDS);
	build("inlined.c", "-g -O2", "whole");
	struct pcs *pcs = pcs_of(in_work("whole"), 9);
	struct content *content = content_of("whole");
	for (size_t i = 0; i < 150; i++) {
		put("damaged", content->bytes, content->count * i / 150);
		ask_damaged(pcs);
	}
	put("damaged", content->bytes, content->count);
	ok(ask_damaged(pcs) > 0);
}

/* Compressed sections that promise a terabyte. */
TEST(sizes_beyond_all_memory)
{
	alarm(SECONDS);
	build("inlined.c", "-g -O2 -gz", "whole");
	struct pcs *pcs = pcs_of(in_work("whole"), 9);
	struct content *content = content_of("whole");
	Elf *elf = elf_memory((char *)content->bytes, content->count);
	size_t seen = 0;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
		GElf_Shdr header;
		gelf_getshdr(section, &header);
		if (!(header.sh_flags & SHF_COMPRESSED))
			continue;
		Elf64_Chdr *compressed =
			(Elf64_Chdr *)(content->bytes + header.sh_offset);
		compressed->ch_size = UINT64_C(1) << 40;
		seen++;
	}
	elf_end(elf);
	ok(seen > 3);
	put("damaged", content->bytes, content->count);
	ok(ask_damaged(pcs) > 0); /* by the symbol table */
}

static const char abbreviations[] =
	".section .debug_abbrev,\"\",@progbits\n"
	".Labbrev:\n"
	".uleb128 1, 0x11\n .byte 1\n" /* unit: low_pc, high_pc */
	".uleb128 0x11, 0x01, 0x12, 0x07, 0, 0\n"
	".uleb128 2, 0x2e\n .byte 1\n" /* subprogram: name too */
	".uleb128 0x03, 0x08, 0x11, 0x01, 0x12, 0x07, 0, 0\n"
	".uleb128 3, 0x0b\n .byte 1\n" /* block: sibling too */
	".uleb128 0x01, 0x13, 0x11, 0x01, 0x12, 0x07, 0, 0\n"
	".uleb128 4, 0x1d\n .byte 1\n" /* inlined: origin too */
	".uleb128 0x31, 0x13, 0x11, 0x01, 0x12, 0x07, 0, 0\n"
	".byte 0\n"
	".text\n .globl f\n .type f, @function\n"
	"f: nop\n nop\n ret\n .size f, . - f\n"
	".section .debug_info,\"\",@progbits\n"
	".Linfo: .long .Lend - .Lbegin\n"
	".Lbegin: .value 4\n .long .Labbrev\n .byte 8\n"
	".uleb128 1\n .quad f, 3\n"
	".Lfunction: .uleb128 2\n .string \"by_dwarf\"\n .quad f, 3\n";

/* In this process: it must not need the protection of another. */
static void check_hostile_tree(const char *dies)
{
	alarm(SECONDS);
	FILE *file = fopen(in_work("hostile.s"), "w");
	fprintf(file, "%s%s.Lend:\n", abbreviations, dies);
	fclose(file);
	if (!shell("gcc -shared -nostdlib -o hostile hostile.s"))
		skip_test("no assembler for this text");
	struct binary hostile = look_at(in_work("hostile"));
	struct mt_symbolizer *symbolizer = symbolizer_of(
		&hostile,
		(struct mt_symbolizer_options){.no_cache = true, .in_process = true});
	struct pcs *pcs = pcs_of(hostile.path, 1);
	is_int(pcs->count, 3);
	ask(symbolizer, pcs);
	struct mt_symbols symbols =
		mt_symbolizer_find(symbolizer, 7, pcs->list[1], false);
	is_str(symbols.list[symbols.count - 1].function, "by_dwarf");
	mt_symbolizer_destroy(symbolizer);
}

/* Each block's sibling is its own child: 2^60 ways through 60 blocks. */
TEST(siblings_that_explode)
{
	check_hostile_tree(".rept 60\n"
			   ".uleb128 3\n .long 1f - .Linfo\n .quad f, 3\n 1:\n"
			   ".endr\n .fill 62, 1, 0\n");
}

TEST(siblings_that_lead_back)
{
	check_hostile_tree(".uleb128 3\n .long .Lfunction - .Linfo\n .quad f, 3\n"
			   ".byte 0, 0, 0\n");
}

TEST(nesting_without_end)
{
	check_hostile_tree(".rept 100000\n"
			   ".uleb128 4\n .long .Lfunction - .Linfo\n .quad f, 3\n"
			   ".endr\n .fill 100002, 1, 0\n");
}

TEST(an_origin_that_is_itself)
{
	check_hostile_tree("1: .uleb128 4\n .long 1b - .Linfo\n .quad f, 3\n"
			   ".byte 0, 0, 0\n");
}

TAP_MAIN()
