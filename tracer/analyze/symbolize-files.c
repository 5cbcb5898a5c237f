/*
 * symbolize-files.c - see symbolize-files.h. Outside.
 *
 * Order: the recorded path, DEBUG_DIR/.build-id/xx/yyy.debug, .gnu_debuglink beside the
 * binary and beneath DEBUG_DIR, debuginfod where it is wanted.
 */
#include "tracer/analyze/symbolize-files.h"

#include <elfutils/libdwelf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

struct build_id {
	const uint8_t *bytes;
	size_t count;
};

/* What a file must be to be used. */
struct wanted {
	struct build_id id; /* count 0: unknown, any file fits */
	bool has_crc;       /* without an id to compare, this checksum decides */
	uint32_t crc;
};

static const char *debug_dir_of(const struct mt_symbolizer_options *options)
{
	return options->debug_dir ? options->debug_dir : "/usr/lib/debug";
}

static void close_file(struct mt_symbol_file *file)
{
	if (file->elf) {
		elf_end(file->elf);
		close(file->fd);
	}
	free(file->path);
	*file = (struct mt_symbol_file){0};
}

/* A regular file's descriptor, or -1. Devices and FIFOs are not even opened. */
static int open_regular(const char *path, struct stat *status,
			struct mt_resolved *resolved)
{
	bool exists = path[0] == '/' && !stat(path, status);
	mt_resolved_add_probe(resolved, path, exists ? status : NULL);
	if (!exists || !S_ISREG(status->st_mode))
		return -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && (fstat(fd, status) || !S_ISREG(status->st_mode))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ET_REL is the type that dwz gives the file it moves debug information to. */
static bool is_of_use(Elf *elf)
{
	GElf_Ehdr header;
	return elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header) &&
	       (header.e_type == ET_EXEC || header.e_type == ET_DYN ||
		header.e_type == ET_REL);
}

static struct build_id build_id_of(Elf *elf)
{
	const void *bytes = NULL;
	ssize_t count = dwelf_elf_gnu_build_id(elf, &bytes);
	return count > 0 ? (struct build_id){bytes, (size_t)count} : (struct build_id){0};
}

static bool is_same_id(struct build_id a, struct build_id b)
{
	return a.count == b.count && !memcmp(a.bytes, b.bytes, a.count);
}

static bool has_crc(int fd, uint32_t crc)
{
	unsigned char buffer[65536];
	uLong sum = crc32(0, NULL, 0);
	off_t at = 0;
	ssize_t got;
	while ((got = pread(fd, buffer, sizeof buffer, at)) > 0) {
		sum = crc32(sum, buffer, (uInt)got);
		at += got;
	}
	return !got && sum == crc;
}

static bool fits(Elf *elf, int fd, const struct wanted *wanted)
{
	struct build_id id = build_id_of(elf);
	if (wanted->id.count && (id.count || !wanted->has_crc))
		return is_same_id(id, wanted->id);
	return !wanted->has_crc || has_crc(fd, wanted->crc);
}

enum verdict {
	ABSENT,
	OTHER, /* it is there, but not what was meant */
	FOUND
};

static enum verdict open_fd(struct mt_symbol_file *file, int fd, const char *path,
			    size_t bytes, const struct wanted *wanted)
{
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf && is_of_use(elf) && fits(elf, fd, wanted)) {
		*file = (struct mt_symbol_file){strdup(path), fd, elf, bytes};
		return FOUND;
	}
	elf_end(elf);
	close(fd);
	return OTHER;
}

static enum verdict open_file(struct mt_symbol_file *file, const char *path,
			      const struct wanted *wanted, struct mt_resolved *resolved)
{
	struct stat status;
	int fd = open_regular(path, &status, resolved);
	if (fd < 0)
		return ABSENT;
	return open_fd(file, fd, path, (size_t)status.st_size, wanted);
}

static bool open_by_build_id(struct mt_symbol_file *file, const char *debug_dir,
			     struct build_id id, struct mt_resolved *resolved)
{
	char path[PATH_MAX];
	if (id.count < 2 || id.count > 64)
		return false;
	int length =
		snprintf(path, sizeof path, "%s/.build-id/%02x/", debug_dir, id.bytes[0]);
	if (length < 0 || (size_t)length + id.count * 2 + sizeof ".debug" > sizeof path)
		return false;
	char *at = path + length;
	for (size_t i = 1; i < id.count; i++)
		at += sprintf(at, "%02x", id.bytes[i]);
	strcpy(at, ".debug");
	struct wanted wanted = {.id = id};
	return open_file(file, path, &wanted, resolved) == FOUND;
}

/* The directory part of a path with its last slash. */
static int directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? (int)(slash - path) + 1 : 0;
}

static bool open_by_debuglink(struct mt_symbol_files *files, const char *debug_dir,
			      struct build_id id, struct mt_resolved *resolved)
{
	GElf_Word crc;
	const char *name = dwelf_elf_gnu_debuglink(files->binary.elf, &crc);
	if (!name || !*name || strchr(name, '/'))
		return false;
	struct wanted wanted = {.id = id, .has_crc = true, .crc = crc};
	const char *binary = files->binary.path;
	int directory = directory_length(binary);
	const struct {
		const char *before, *after;
	} places[] = {{"", ""}, {"", ".debug/"}, {debug_dir, ""}};
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char path[PATH_MAX];
		int length = snprintf(path, sizeof path, "%s%.*s%s%s", places[i].before,
				      directory, binary, places[i].after, name);
		if (length > 0 && (size_t)length < sizeof path && strcmp(path, binary) &&
		    open_file(&files->debug, path, &wanted, resolved) == FOUND)
			return true;
	}
	return false;
}

/*
 * libdw speaks to debuginfod for those who ask with a Dwfl module of known build id. It
 * gives a descriptor of a file in debuginfod's own cache.
 */
static int ask_debuginfod(struct build_id id)
{
	static char no_directory[] = "";
	static char *debug_path = no_directory;
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.debuginfo_path = &debug_path,
	};
	setenv("DEBUGINFOD_TIMEOUT", "10", 0);
	Dwfl *dwfl = dwfl_begin(&callbacks);
	if (!dwfl)
		return -1;
	dwfl_report_begin(dwfl);
	Dwfl_Module *module = dwfl_report_module(dwfl, "module", 0x1000, 0x2000);
	char *path = NULL;
	int fd = -1;
	if (module && !dwfl_module_report_build_id(module, id.bytes, id.count, 0))
		fd = dwfl_standard_find_debuginfo(module, NULL, "module", 0x1000, NULL,
						  NULL, 0, &path);
	free(path);
	dwfl_end(dwfl);
	return fd;
}

/* The path by which a descriptor was opened. */
static bool path_of(int fd, char *path, size_t bytes)
{
	char link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, path, bytes - 1);
	if (length <= 0)
		return false;
	path[length] = '\0';
	return true;
}

static bool open_by_debuginfod(struct mt_symbol_file *file, struct build_id id,
			       struct mt_resolved *resolved)
{
	char path[PATH_MAX] = "";
	struct stat status;
	struct wanted wanted = {.id = id};
	int fd = ask_debuginfod(id);
	/* A server that has nothing today may have it tomorrow: not for our cache. */
	resolved->is_volatile = true;
	if (fd < 0)
		return false;
	if (fstat(fd, &status)) {
		close(fd);
		return false;
	}
	if (path_of(fd, path, sizeof path)) {
		mt_resolved_add_probe(resolved, path, &status);
		resolved->is_volatile = false;
	}
	return open_fd(file, fd, path, (size_t)status.st_size, &wanted) == FOUND;
}

static bool has_section(Elf *elf, const char *name)
{
	size_t names;
	if (!elf || elf_getshdrstrndx(elf, &names))
		return false;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
		GElf_Shdr header;
		const char *found = gelf_getshdr(section, &header)
					    ? elf_strptr(elf, names, header.sh_name)
					    : NULL;
		if (found && header.sh_type != SHT_NOBITS && !strcmp(found, name))
			return true;
	}
	return false;
}

static bool has_dwarf(Elf *elf)
{
	return has_section(elf, ".debug_info") || has_section(elf, ".zdebug_info");
}

static void find_debug_file(struct mt_symbol_files *files, struct build_id id,
			    const struct mt_symbolizer_options *options,
			    struct mt_resolved *resolved)
{
	const char *debug_dir = debug_dir_of(options);
	if (open_by_build_id(&files->debug, debug_dir, id, resolved))
		return;
	if (files->binary.elf && open_by_debuglink(files, debug_dir, id, resolved))
		return;
	if (options->use_debuginfod && id.count)
		open_by_debuginfod(&files->debug, id, resolved);
}

void mt_symbol_files_open(struct mt_symbol_files *files,
			  const struct mt_symbol_module *module,
			  const struct mt_symbolizer_options *options,
			  struct mt_resolved *resolved)
{
	elf_version(EV_CURRENT);
	struct wanted wanted = {.id = {module->build_id, module->build_id_bytes}};
	enum verdict verdict = open_file(&files->binary, module->path, &wanted, resolved);
	if (files->binary.elf && has_dwarf(files->binary.elf))
		return;
	struct build_id id = wanted.id;
	if (!id.count && files->binary.elf)
		id = build_id_of(files->binary.elf);
	find_debug_file(files, id, options, resolved);
	if (verdict == OTHER)
		resolved->notice =
			mt_resolved_text(resolved, "binary replaced since recording");
	else if (verdict == ABSENT && !files->debug.elf)
		resolved->notice = mt_resolved_text(
			resolved, "neither the binary nor its debug file is here");
}

void mt_symbol_files_close(struct mt_symbol_files *files)
{
	close_file(&files->alternate);
	close_file(&files->debug);
	close_file(&files->binary);
}

Elf *mt_symbol_files_dwarf(const struct mt_symbol_files *files)
{
	if (has_dwarf(files->debug.elf))
		return files->debug.elf;
	return has_dwarf(files->binary.elf) ? files->binary.elf : NULL;
}

size_t mt_symbol_files_bytes(const struct mt_symbol_files *files)
{
	return files->binary.bytes + files->debug.bytes + files->alternate.bytes;
}

bool mt_symbol_files_open_alternate(struct mt_symbol_files *files, Dwarf *dwarf,
				    Dwarf **alternate,
				    const struct mt_symbolizer_options *options,
				    struct mt_resolved *resolved)
{
	const char *name;
	const void *bytes;
	ssize_t count = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &bytes);
	if (count <= 0)
		return true;
	struct wanted wanted = {.id = {bytes, (size_t)count}};
	enum verdict verdict = FOUND;
	if (!open_by_build_id(&files->alternate, debug_dir_of(options), wanted.id,
			      resolved)) {
		const char *from =
			files->debug.elf ? files->debug.path : files->binary.path;
		char real[PATH_MAX], path[PATH_MAX * 2];
		if (!from || !realpath(from, real))
			return false;
		snprintf(path, sizeof path, "%.*s%s",
			 name[0] == '/' ? 0 : directory_length(real), real, name);
		verdict = open_file(&files->alternate, path, &wanted, resolved);
	}
	if (verdict == FOUND) {
		*alternate = dwarf_begin_elf(files->alternate.elf, DWARF_C_READ, NULL);
		if (*alternate)
			dwarf_setalt(dwarf, *alternate);
	}
	return verdict != OTHER;
}
