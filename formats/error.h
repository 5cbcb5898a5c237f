/*
 * error.h - what went wrong, said once, at the place that knows most.
 * Outside only: the library in the traced process neither formats nor prints.
 */
#ifndef MT_FORMATS_ERROR_H
#define MT_FORMATS_ERROR_H

#include <stdarg.h>

/* Negative codes that fallible functions return; cli maps them to exit statuses. */
enum mt_code {
	MT_ERR_DAMAGED = -1,     /* a check failed: input is not what was written */
	MT_ERR_NOT_A_TRACE = -2, /* another kind of file */
	MT_ERR_NEWER = -3,    /* written by a newer memtrace; message names the version */
	MT_ERR_MISSING = -4,  /* file, snapshot, process or kind of data is not there */
	MT_ERR_SYSTEM = -5,   /* a system call failed; message holds strerror */
	MT_ERR_NO_SPACE = -6, /* disk full, file size limit */
	MT_ERR_NO_MEMORY = -7,
	MT_ERR_USAGE = -8, /* the question cannot be asked this way */
	MT_ERR_INCOMPLETE =
		-9, /* ends early, or an answer within limits is not possible */
};

struct mt_error {
	enum mt_code code; /* 0: none yet */
	char message[1024];
};

/*
 * Fill *err (NULL allowed) and return code, so that a caller can write
 * `return mt_fail(err, MT_ERR_..., "...", ...)`. The first report wins: an error that is
 * already filled keeps its text.
 */
int mt_fail(struct mt_error *err, enum mt_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Make *err usable again. */
void mt_error_clear(struct mt_error *err);

#endif
