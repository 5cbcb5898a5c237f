/*
 * naming.c - names from a template; none is given twice, none overwritten unasked. Outside.
 */
#include "tracer/collect/naming.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	MAX_SUFFIX = 100000,
	HOST_BYTES = 256,
};

void mt_naming_init(struct mt_naming *naming, const char *template, bool replaces)
{
	*naming = (struct mt_naming){
		.template = template && *template ? template : MT_NAMING_DEFAULT,
		.replaces = replaces,
		.main = SIZE_MAX};
}

void mt_naming_deinit(struct mt_naming *naming)
{
	for (size_t i = 0; i < naming->own_count; i++)
		free(naming->own[i]);
	free(naming->own);
	*naming = (struct mt_naming){0};
}

int mt_naming_check(const char *template, struct mt_error *err)
{
	if (!*template)
		return mt_fail(err, MT_ERR_USAGE, "the name of the trace is empty");
	for (const char *p = strchr(template, '%'); p; p = strchr(p + 2, '%')) {
		if (!p[1])
			return mt_fail(err, MT_ERR_USAGE,
				       "%s: a %% at the end; write %%%% for one",
				       template);
		if (!strchr("ephtn%", p[1]))
			return mt_fail(err, MT_ERR_USAGE,
				       "%s: '%%%c' is not known; use %%e, %%p, %%h, %%t, "
				       "%%n or %%%%",
				       template, p[1]);
	}
	return 0;
}

/* The same name for every process of the tree. */
static bool is_fixed(const char *template)
{
	for (const char *p = strchr(template, '%'); p && p[1]; p = strchr(p + 2, '%'))
		if (strchr("eptn", p[1]))
			return false;
	return true;
}

/* A program's name may hold anything but must not lead into another directory. */
static void expand_program(FILE *out, const char *program)
{
	for (; *program; program++)
		fputc(*program == '/' ? '_' : *program, out);
}

static void expand_place(FILE *out, char letter, const struct mt_naming_facts *facts)
{
	char host[HOST_BYTES] = "";
	switch (letter) {
	case 'e':
		expand_program(out, facts->program);
		break;
	case 'p':
		fprintf(out, "%" PRIu32, facts->pid);
		break;
	case 'h':
		gethostname(host, sizeof host - 1);
		expand_program(out, host);
		break;
	case 't':
		fprintf(out, "%" PRIu64, facts->start_seconds);
		break;
	case 'n':
		fprintf(out, "%" PRIu32, facts->number);
		break;
	default:
		fputc(letter, out);
	}
}

static char *expand(const char *template, const struct mt_naming_facts *facts)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	for (const char *p = template; *p; p++)
		if (*p == '%' && p[1])
			expand_place(out, *++p, facts);
		else
			fputc(*p, out);
	return fclose(out) ? NULL : text;
}

static bool is_own(const struct mt_naming *naming, const char *name)
{
	for (size_t i = 0; i < naming->own_count; i++)
		if (!strcmp(naming->own[i], name))
			return true;
	return false;
}

static bool is_special_file(const char *name)
{
	struct stat status;
	return !stat(name, &status) && !S_ISREG(status.st_mode) &&
	       !S_ISDIR(status.st_mode);
}

/* A FIFO that nobody reads yet must not hold up the collector: it fails with ENXIO. */
static int open_special(const char *name)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	return fd;
}

/* A descriptor, or -1 with errno. A FIFO or /dev/null is asked for as it is. */
static int open_new(const struct mt_naming *naming, const char *name)
{
	if (is_special_file(name))
		return open_special(name);
	if (naming->replaces)
		unlink(name);
	return open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* The same; EEXIST: the name is taken, by an earlier run or by this one. */
static int create(const struct mt_naming *naming, const char *name)
{
	if (!is_special_file(name) && is_own(naming, name)) {
		errno = EEXIST;
		return -1;
	}
	return open_new(naming, name);
}

static bool remember(struct mt_naming *naming, char *name)
{
	char **own = realloc(naming->own, (naming->own_count + 1) * sizeof *own);
	if (!own)
		return false;
	naming->own = own;
	own[naming->own_count++] = name;
	return true;
}

static char *with_suffix(const char *name, unsigned suffix)
{
	char *text = NULL;
	return asprintf(&text, "%s.%u", name, suffix) < 0 ? NULL : text;
}

/* name, or the first of name.1, name.2 ... that is free. Takes name over. */
static int create_free(struct mt_naming *naming, char *name, bool plain, char **created,
		       struct mt_error *err)
{
	for (unsigned suffix = plain ? 0 : 1; suffix < MAX_SUFFIX; suffix++) {
		char *next = suffix ? with_suffix(name, suffix) : strdup(name);
		int fd = next ? create(naming, next) : -1;
		if (fd >= 0) {
			free(name);
			*created = next;
			return fd;
		}
		int error = next ? errno : ENOMEM;
		if (error != EEXIST) {
			mt_fail(err, error == ENOMEM ? MT_ERR_NO_MEMORY : MT_ERR_SYSTEM,
				"%s: %s", next ? next : name, strerror(error));
			free(next);
			free(name);
			return MT_ERR_SYSTEM;
		}
		free(next);
	}
	mt_fail(err, MT_ERR_SYSTEM, "%s: too many files of this name", name);
	free(name);
	return MT_ERR_SYSTEM;
}

/*
 * The main process's earlier image makes room: a new file is created for the name's sake
 * and the old one renamed over it, so that no other can take the name in between.
 */
static int yield_main_name(struct mt_naming *naming, char *base, const char **renamed,
			   struct mt_error *err)
{
	const char *plain = naming->own[naming->main];
	if (is_special_file(plain)) {
		free(base);
		return 0;
	}
	char *next = NULL;
	int fd = create_free(naming, base, false, &next, err);
	if (fd < 0)
		return fd;
	close(fd);
	int error = rename(plain, next) < 0 ? errno : 0;
	if (!error && remember(naming, next)) {
		*renamed = next;
		return 0;
	}
	unlink(next);
	free(next);
	return error ? mt_fail(err, MT_ERR_SYSTEM, "%s: %s", plain, strerror(error))
		     : mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
}

/* The name that an earlier image of the main process had, for the next one. */
static int create_main_again(struct mt_naming *naming, char *base, const char **name,
			     const char **renamed, struct mt_error *err)
{
	int rc = yield_main_name(naming, base, renamed, err);
	if (rc < 0)
		return rc;
	*name = naming->own[naming->main];
	int fd = open_new(naming, *name);
	return fd < 0 ? mt_fail(err, MT_ERR_SYSTEM, "%s: %s", *name, strerror(errno))
		      : fd;
}

int mt_naming_create(struct mt_naming *naming, const struct mt_naming_facts *facts,
		     const char **name, const char **renamed, struct mt_error *err)
{
	*renamed = NULL;
	char *base = expand(naming->template, facts);
	if (!base)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	bool is_common = is_fixed(naming->template);
	if (is_common && facts->is_main && naming->main != SIZE_MAX)
		return create_main_again(naming, base, name, renamed, err);
	char *created = NULL;
	int fd = create_free(naming, base, facts->is_main || !is_common, &created, err);
	if (fd < 0)
		return fd;
	if (!remember(naming, created)) {
		close(fd);
		free(created);
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	}
	if (is_common && facts->is_main)
		naming->main = naming->own_count - 1;
	*name = created;
	return fd;
}
