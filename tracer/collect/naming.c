/*
 * naming.c - names from a template; none is given twice, none overwritten unasked. Outside.
 */
#include "tracer/collect/naming.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <search.h>
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
		.replaces = replaces};
}

/* A name, and what has been given out beneath it. */
struct known_name {
	char *text;
	unsigned suffix; /* the last that was taken of text.1, text.2 ...; 0: none */
	bool is_file;    /* of this run */
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct known_name *)a)->text,
		      ((const struct known_name *)b)->text);
}

static void free_name(void *name)
{
	free(((struct known_name *)name)->text);
	free(name);
}

void mt_naming_deinit(struct mt_naming *naming)
{
	tdestroy(naming->known, free_name);
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

/* NULL: no memory. Takes text over. */
static struct known_name *know(struct mt_naming *naming, char *text)
{
	struct known_name *name = malloc(sizeof *name);
	if (!text || !name) {
		free(text);
		free(name);
		return NULL;
	}
	*name = (struct known_name){.text = text};
	struct known_name **found = tsearch(name, &naming->known, compare_names);
	if (!found || *found != name)
		free_name(name);
	return found ? *found : NULL;
}

static bool is_own(const struct mt_naming *naming, char *text)
{
	struct known_name wanted = {.text = text};
	struct known_name **found = tfind(&wanted, &naming->known, compare_names);
	return found && (*found)->is_file;
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
static int create(const struct mt_naming *naming, char *name)
{
	if (!is_special_file(name) && is_own(naming, name)) {
		errno = EEXIST;
		return -1;
	}
	return open_new(naming, name);
}

static char *with_suffix(const char *name, unsigned suffix)
{
	char *text = NULL;
	if (!suffix)
		return strdup(name);
	return asprintf(&text, "%s.%u", name, suffix) < 0 ? NULL : text;
}

/* Creates text, which it takes over, and knows it: a descriptor, or -1 with errno. */
static int create_known(struct mt_naming *naming, char *text, const char **created)
{
	int fd = text ? create(naming, text) : -1;
	if (fd < 0) {
		int error = text ? errno : ENOMEM;
		free(text);
		errno = error;
		return -1;
	}
	struct known_name *name = know(naming, text);
	if (!name) {
		close(fd);
		errno = ENOMEM;
		return -1;
	}
	name->is_file = true;
	*created = name->text;
	return fd;
}

static int fail_to_create(const char *base, unsigned suffix, int error,
			  struct mt_error *err)
{
	char *text = with_suffix(base, suffix);
	int rc = mt_fail(err, error == ENOMEM ? MT_ERR_NO_MEMORY : MT_ERR_SYSTEM,
			 "%s: %s", text ? text : base, strerror(error));
	free(text);
	return rc;
}

/*
 * base itself where plain, or the first of base.1, base.2 ... that is free; those up to the
 * last that was given out are not asked for again. Takes base over.
 */
static int create_free(struct mt_naming *naming, char *base, bool plain,
		       const char **created, struct mt_error *err)
{
	struct known_name *name = know(naming, base);
	if (!name)
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	unsigned suffix = plain && !name->is_file ? 0 : name->suffix + 1;
	for (; suffix < MAX_SUFFIX; suffix = name->suffix + 1) {
		int fd = create_known(naming, with_suffix(name->text, suffix), created);
		if (fd < 0 && errno != EEXIST)
			return fail_to_create(name->text, suffix, errno, err);
		if (suffix)
			name->suffix = suffix;
		if (fd >= 0)
			return fd;
	}
	return mt_fail(err, MT_ERR_SYSTEM, "%s: too many files of this name", name->text);
}

/*
 * The main process's earlier image makes room: a new file is created for the name's sake
 * and the old one renamed over it, so that no other can take the name in between.
 */
static int yield_main_name(struct mt_naming *naming, char *base, const char **renamed,
			   struct mt_error *err)
{
	if (is_special_file(naming->main)) {
		free(base);
		return 0;
	}
	const char *next = NULL;
	int fd = create_free(naming, base, false, &next, err);
	if (fd < 0)
		return fd;
	close(fd);
	if (rename(naming->main, next) < 0) {
		int rc = mt_fail(err, MT_ERR_SYSTEM, "%s: %s", naming->main,
				 strerror(errno));
		unlink(next);
		return rc;
	}
	*renamed = next;
	return 0;
}

/* The name that an earlier image of the main process had, for the next one. */
static int create_main_again(struct mt_naming *naming, char *base, const char **name,
			     const char **renamed, struct mt_error *err)
{
	int rc = yield_main_name(naming, base, renamed, err);
	if (rc < 0)
		return rc;
	*name = naming->main;
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
	if (is_common && facts->is_main && naming->main)
		return create_main_again(naming, base, name, renamed, err);
	int fd = create_free(naming, base, facts->is_main || !is_common, name, err);
	if (fd >= 0 && is_common && facts->is_main)
		naming->main = *name;
	return fd;
}
