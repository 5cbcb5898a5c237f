/*
 * symbolize-oracle.h - what tests of the symbolizer share: programs built on the spot, and
 * binutils' addr2line to compare with.
 */
#ifndef MT_TESTS_SYMBOLIZE_ORACLE_H
#define MT_TESTS_SYMBOLIZE_ORACLE_H

#include "tests/tap.h"
#include "tracer/analyze/symbolize.h"

#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdarg.h>
#include <sys/stat.h>

enum {
	ORACLE_TEXT = 4096
};

/* Where programs are built: made before the tests, gone after the last. */
static char oracle_directory[256];

/* Run in that directory; the output is in its file log. */
__attribute__((unused, format(printf, 1, 2))) static bool shell(const char *format, ...)
{
	char command[ORACLE_TEXT], line[ORACLE_TEXT + 512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(command, sizeof command, format, arguments);
	va_end(arguments);
	snprintf(line, sizeof line, "cd '%s' && { %s; } >log 2>&1", oracle_directory,
		 command);
	return system(line) == 0;
}

static void remove_directory(void)
{
	shell("rm -rf '%s'", oracle_directory);
}

__attribute__((constructor)) static void make_directory(void)
{
	const char *place = getenv("TMPDIR");
	snprintf(oracle_directory, sizeof oracle_directory, "%s/test-symbolize.XXXXXX",
		 place ? place : "/tmp");
	if (!mkdtemp(oracle_directory))
		abort();
	atexit(remove_directory);
}

/*
 * Build tests/programs/SOURCE as NAME in the work directory, with flags that may begin
 * with --clang, if the compiler shall be that; a test that needs what the
 * compilers here cannot do is skipped.
 */
__attribute__((unused)) static void build(const char *source, const char *flags,
					  const char *name)
{
	char here[256];
	if (!getcwd(here, sizeof here))
		abort();
	bool is_cplusplus = strstr(source, ".cc") != NULL;
	const char *compiler = is_cplusplus ? "g++" : "gcc";
	if (strstr(flags, "--clang"))
		compiler = is_cplusplus ? "clang++" : "clang", flags += strlen("--clang");
	if (!shell("%s %s '%s/tests/programs/%s' -o %s", compiler, flags, here, source,
		   name))
		skip_test("the compiler cannot do it");
}

/* In one of four buffers in turn. */
__attribute__((unused)) static const char *in_work(const char *name)
{
	static char paths[4][512];
	static int turn;
	char *path = paths[turn++ % 4];
	snprintf(path, sizeof paths[0], "%s/%s", oracle_directory, name);
	return path;
}

enum {
	MAX_PCS = 1 << 19
};

/* A file as a trace would know it. */
struct binary {
	char path[512];
	uint8_t build_id[64];
	size_t build_id_bytes;
};

/* Addresses to ask for. */
struct pcs {
	uint64_t list[MAX_PCS];
	size_t count;
};

__attribute__((unused)) static struct binary look_at(const char *path)
{
	struct binary binary = {0};
	snprintf(binary.path, sizeof binary.path, "%s", path);
	elf_version(EV_CURRENT);
	int fd = open(path, O_RDONLY);
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	const void *id;
	ssize_t bytes = elf ? dwelf_elf_gnu_build_id(elf, &id) : 0;
	if (bytes > 0 && (size_t)bytes <= sizeof binary.build_id)
		memcpy(binary.build_id, id, binary.build_id_bytes = (size_t)bytes);
	elf_end(elf);
	close(fd);
	return binary;
}

static void add_pcs(struct pcs *pcs, Elf_Scn *section, const GElf_Shdr *header,
		    uint64_t step)
{
	Elf_Data *data = elf_getdata(section, NULL);
	for (size_t i = 0; data && i < header->sh_size / header->sh_entsize; i++) {
		GElf_Sym symbol;
		gelf_getsym(data, (int)i, &symbol);
		if (GELF_ST_TYPE(symbol.st_info) != STT_FUNC || !symbol.st_shndx)
			continue;
		for (uint64_t at = 0; at < symbol.st_size && pcs->count < MAX_PCS;
		     at += step)
			pcs->list[pcs->count++] = symbol.st_value + at;
	}
}

/* One address every step bytes of all functions in .symtab, or .dynsym. */
__attribute__((unused)) static struct pcs *pcs_of(const char *path, uint64_t step)
{
	static struct pcs pcs;
	pcs.count = 0;
	elf_version(EV_CURRENT);
	int fd = open(path, O_RDONLY);
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	static const uint32_t types[] = {SHT_SYMTAB, SHT_DYNSYM};
	for (int i = 0; elf && i < 2 && !pcs.count; i++) {
		for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
			GElf_Shdr header;
			gelf_getshdr(section, &header);
			if (header.sh_type == types[i])
				add_pcs(&pcs, section, &header, step);
		}
	}
	elf_end(elf);
	close(fd);
	return &pcs;
}

__attribute__((unused)) static char oracle_notices[ORACLE_TEXT];

static void keep_notice(void *context, const char *path, const char *text)
{
	(void)context, (void)path;
	size_t used = strlen(oracle_notices);
	snprintf(oracle_notices + used, sizeof oracle_notices - used, "%s\n", text);
}

/* A symbolizer that knows one module, number 7. */
__attribute__((unused)) static struct mt_symbolizer *
symbolizer_of(const struct binary *binary, struct mt_symbolizer_options options)
{
	struct mt_error err = {0};
	struct mt_symbolizer *symbolizer;
	options.notice = keep_notice;
	struct mt_symbol_module module = {.id = 7,
					  .path = binary->path,
					  .build_id = binary->build_id,
					  .build_id_bytes = binary->build_id_bytes};
	if (mt_symbolizer_create(&symbolizer, &options, &err) ||
	    mt_symbolizer_add_module(symbolizer, &module, &err))
		abort();
	return symbolizer;
}

__attribute__((unused)) static void ask(struct mt_symbolizer *symbolizer,
					const struct pcs *pcs)
{
	struct mt_error err = {0};
	for (size_t i = 0; i < pcs->count; i++) {
		if (mt_symbolizer_add(symbolizer, 7, pcs->list[i], false, &err))
			abort();
	}
	if (mt_symbolizer_resolve(symbolizer, &err))
		abort();
}

/* "function file:line" per frame, as addr2line -f would say it, in at most size bytes. */
__attribute__((unused)) static void describe(struct mt_symbols symbols, char *text,
					     size_t size)
{
	size_t used = 0;
	text[0] = '\0';
	for (size_t i = 0; i < symbols.count && used < size; i++) {
		const struct mt_symbol *symbol = &symbols.list[i];
		used += (size_t)snprintf(
			text + used, size - used, "%s%s %s:%u", i ? " < " : "",
			symbol->function ? symbol->function : "??",
			symbol->file ? symbol->file : "??", symbol->line);
	}
}

struct agreement {
	size_t asked, same, same_lines; /* all the chain; all but the names */
	size_t alike; /* all but what the C library puts before names of its own */
	size_t frames;
	size_t shown;
};

/* One frame of addr2line's answer appended to the description so far. */
static void append_oracle(char *text, size_t size, char *function, char *location)
{
	function[strcspn(function, "\n")] = '\0';
	location[strcspn(location, "\n")] = '\0';
	char *discriminator = strstr(location, " (discriminator");
	if (discriminator)
		*discriminator = '\0';
	char *colon = strrchr(location, ':');
	unsigned line = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
	if (colon)
		*colon = '\0';
	for (char *at; (at = strstr(location, "/./"));)
		memmove(at, at + 2, strlen(at + 2) + 1);
	size_t used = strlen(text);
	snprintf(text + used, size - used, "%s%s %s:%u", used ? " < " : "", function,
		 location, line);
}

/* The chain without function names: what is after the last space of each frame. */
static void only_lines(const char *chain, char *lines)
{
	char copy[ORACLE_TEXT * 4];
	snprintf(copy, sizeof copy, "%s", chain);
	lines[0] = '\0';
	for (char *frame = copy; frame;) {
		char *next = strstr(frame, " < ");
		if (next)
			*next = '\0';
		char *space = strrchr(frame, ' ');
		strcat(lines, space ? space : frame);
		frame = next ? next + 3 : NULL;
	}
}

/* "__GI___poll" is "poll", in each frame of the chain. */
static void without_prefixes(const char *chain, char *bare)
{
	for (bool is_begin = true; *chain;) {
		size_t prefix = strspn(chain, "_");
		if (is_begin && !strncmp(chain + prefix, "GI_", 3))
			prefix += 3 + strspn(chain + prefix + 3, "_");
		chain += is_begin ? prefix : 0;
		is_begin = !strncmp(chain, "< ", 2);
		for (int i = 0; i <= is_begin && *chain; i++)
			*bare++ = *chain++;
	}
	*bare = '\0';
}

static void compare(struct agreement *agreement, const struct mt_symbolizer *symbolizer,
		    uint64_t pc, const char *expected)
{
	static char got[ORACLE_TEXT * 4], a[ORACLE_TEXT * 4], b[ORACLE_TEXT * 4];
	struct mt_symbols symbols = mt_symbolizer_find(symbolizer, 7, pc, false);
	describe(symbols, got, sizeof got);
	only_lines(got, a);
	only_lines(expected, b);
	agreement->asked++;
	agreement->frames += symbols.count;
	agreement->same += !strcmp(got, expected);
	agreement->same_lines += !strcmp(a, b);
	without_prefixes(got, a);
	without_prefixes(expected, b);
	agreement->alike += !strcmp(a, b);
	if (getenv("SHOW") && strcmp(got, expected) &&
	    agreement->shown++ < strtoul(getenv("SHOW"), NULL, 10))
		printf("# 0x%" PRIx64 "\n#      got %s\n# expected %s\n", pc, got,
		       expected);
}

/* With SHOW=N in the environment the counts are shown and the first N differences. */
static void say_agreement(const struct agreement *agreement, const char *path)
{
	if (getenv("SHOW"))
		printf("# %s: %zu addresses, %zu frames, %zu same, %zu alike, %zu same "
		       "lines\n",
		       path, agreement->asked, agreement->frames, agreement->same,
		       agreement->alike, agreement->same_lines);
}

/* Ask us about one file and addr2line about another (or the same) one. */
__attribute__((unused)) static struct agreement
agreement_with_addr2line(const struct binary *asked, const char *oracle_path,
			 struct mt_symbolizer_options options, const struct pcs *pcs)
{
	struct agreement agreement = {0};
	static char chain[ORACLE_TEXT * 4];
	char function[ORACLE_TEXT], location[ORACLE_TEXT], command[ORACLE_TEXT];
	struct mt_symbolizer *symbolizer = symbolizer_of(asked, options);
	ask(symbolizer, pcs);
	FILE *file = fopen(in_work("pcs"), "w");
	for (size_t i = 0; i < pcs->count; i++)
		fprintf(file, "0x%" PRIx64 "\n", pcs->list[i]);
	fclose(file);
	snprintf(command, sizeof command, "addr2line -a -i -f -C -e %s <%s", oracle_path,
		 in_work("pcs"));
	FILE *oracle = popen(command, "r");
	uint64_t pc = 0;
	while (fgets(function, sizeof function, oracle)) {
		if (!strncmp(function, "0x", 2)) {
			if (pc)
				compare(&agreement, symbolizer, pc, chain);
			pc = strtoull(function, NULL, 16);
			chain[0] = '\0';
		} else if (fgets(location, sizeof location, oracle)) {
			append_oracle(chain, sizeof chain, function, location);
		}
	}
	if (pc)
		compare(&agreement, symbolizer, pc, chain);
	pclose(oracle);
	mt_symbolizer_destroy(symbolizer);
	say_agreement(&agreement, asked->path);
	return agreement;
}

/* Ask us about a file, and about another that has the same code. */
__attribute__((unused)) static struct agreement
agreement_between(const struct binary *asked, struct mt_symbolizer_options options,
		  const struct binary *model, const struct pcs *pcs)
{
	struct agreement agreement = {0};
	static char chain[ORACLE_TEXT * 4];
	struct mt_symbolizer *one = symbolizer_of(asked, options);
	struct mt_symbolizer *other =
		symbolizer_of(model, (struct mt_symbolizer_options){.no_cache = true});
	ask(one, pcs);
	ask(other, pcs);
	for (size_t i = 0; i < pcs->count; i++) {
		describe(mt_symbolizer_find(other, 7, pcs->list[i], false), chain,
			 sizeof chain);
		compare(&agreement, one, pcs->list[i], chain);
	}
	mt_symbolizer_destroy(one);
	mt_symbolizer_destroy(other);
	say_agreement(&agreement, asked->path);
	return agreement;
}

#endif
