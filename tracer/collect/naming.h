/*
 * naming.h - what the trace files of a tree are called. Outside.
 */
#ifndef MT_TRACER_COLLECT_NAMING_H
#define MT_TRACER_COLLECT_NAMING_H

#include "formats/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What fills the places of a template. */
struct mt_naming_facts {
	const char *program; /* base name */
	uint32_t pid;
	uint64_t start_seconds;
	uint32_t number; /* of the trace in its tree, from 0 */
	bool is_main;    /* an image of the main process */
};

struct mt_naming {
	const char *template; /* NULL: the default */
	bool replaces;        /* --force: files of earlier runs */
	void *known;          /* names of this run; a tree of <search.h> */
	const char *main;     /* the main process's; NULL: none yet */
};

#define MT_NAMING_DEFAULT "memtrace.%e.%p.mtz"

void mt_naming_init(struct mt_naming *naming, const char *template, bool replaces);
void mt_naming_deinit(struct mt_naming *naming);

/* MT_ERR_USAGE: % with an unknown letter. */
int mt_naming_check(const char *template, struct mt_error *err);

/*
 * A new file, mode 0600: its descriptor, and its name, borrowed until deinit. Where the
 * template is fixed, the plain name goes to the main process's last image: an earlier
 * one's file is renamed, and *renamed (NULL otherwise) is what it is called now.
 */
int mt_naming_create(struct mt_naming *naming, const struct mt_naming_facts *facts,
		     const char **name, const char **renamed, struct mt_error *err);

#endif
