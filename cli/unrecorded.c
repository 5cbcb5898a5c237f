/*
 * unrecorded.c - why a program's memory was not seen, from its file. Outside.
 */
#include "cli/unrecorded.h"

#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FEW_DESCRIPTORS = 16,
};

/* Where execvp found it. */
static bool find_program(const char *name, char path[PATH_MAX])
{
	const char *search = getenv("PATH");
	if (strchr(name, '/') || !search)
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
	while (*search) {
		size_t size = strcspn(search, ":");
		if (snprintf(path, PATH_MAX, "%.*s%s%s", (int)size, search,
			     size ? "/" : "./", name) < PATH_MAX &&
		    access(path, X_OK) == 0)
			return true;
		search += size + (search[size] == ':');
	}
	return false;
}

static int open_program(const char *name)
{
	char path[PATH_MAX];
	return find_program(name, path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/* NULL where it is no program in ELF. */
static Elf *open_elf(int fd)
{
	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF)
		return elf;
	elf_end(elf);
	return NULL;
}

/* No loader is asked for: nothing can be preloaded. */
static bool is_static(Elf *elf)
{
	size_t count;
	if (elf_getphdrnum(elf, &count) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr part;
		if (!gelf_getphdr(elf, (int)i, &part) || part.p_type == PT_INTERP)
			return false;
	}
	return true;
}

/* The first section of that type, and how many entries it has; NULL: none. */
static Elf_Data *find_section(Elf *elf, GElf_Word type, GElf_Shdr *header, int *count)
{
	Elf_Scn *section = NULL;
	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, header) && header->sh_type == type &&
		    header->sh_entsize) {
			*count = (int)(header->sh_size / header->sh_entsize);
			return elf_getdata(section, NULL);
		}
	return NULL;
}

static bool is_sanitizer(const char *library)
{
	static const char *const names[] = {"libasan.so", "libtsan.so", "liblsan.so",
					    "libhwasan.so", "libclang_rt."};
	for (size_t i = 0; library && i < sizeof names / sizeof *names; i++)
		if (!strncmp(library, names[i], strlen(names[i])))
			return true;
	return false;
}

static bool needs_sanitizer(Elf *elf)
{
	GElf_Shdr header;
	int count = 0;
	Elf_Data *data = find_section(elf, SHT_DYNAMIC, &header, &count);
	for (int i = 0; data && i < count; i++) {
		GElf_Dyn entry;
		if (gelf_getdyn(data, i, &entry) && entry.d_tag == DT_NEEDED &&
		    is_sanitizer(elf_strptr(elf, header.sh_link, entry.d_un.d_val)))
			return true;
	}
	return false;
}

static const char *why_by_file(Elf *elf)
{
	if (is_static(elf))
		return "it is statically linked";
	if (needs_sanitizer(elf))
		return "it has a sanitizer's runtime, which serves its requests itself";
	return NULL;
}

/* Ours, which the program has too: those that the recorder may find no room under. */
static bool is_limited(void)
{
	struct rlimit space, file, descriptors;
	return getrlimit(RLIMIT_AS, &space) == 0 && getrlimit(RLIMIT_FSIZE, &file) == 0 &&
	       getrlimit(RLIMIT_NOFILE, &descriptors) == 0 &&
	       (space.rlim_cur != RLIM_INFINITY || file.rlim_cur != RLIM_INFINITY ||
		descriptors.rlim_cur < FEW_DESCRIPTORS);
}

const char *mt_unrecorded_why(const char *program)
{
	int fd = open_program(program);
	if (fd < 0)
		return "the library was not loaded into it";
	struct stat status;
	const char *why = NULL;
	Elf *elf = open_elf(fd);
	if (fstat(fd, &status) == 0 && status.st_mode & (S_ISUID | S_ISGID) &&
	    geteuid() != 0)
		why = "it runs with another user's rights (set-user-ID)";
	else if (elf)
		why = why_by_file(elf);
	elf_end(elf);
	close(fd);
	if (!why && is_limited())
		why = "no room under its limits (ulimit -f, -n, -v)";
	return why ? why : "the library was not loaded into it, or it ended before main";
}
