/*
 * values.h - numbers, sizes and times as users type them. Outside.
 *
 * All return 0, or MT_ERR_USAGE with a message that quotes the text.
 */
#ifndef MT_CLI_VALUES_H
#define MT_CLI_VALUES_H

#include "formats/error.h"

#include <stdint.h>

/* Decimal digits only. */
int mt_value_integer(const char *text, uint64_t *number, struct mt_error *err);

/*
 * 4096, 10k, 64MiB, 1.5GiB: k, M, G, T and KiB ... TiB are powers of 1024, kB ... TB
 * powers of 1000. A fraction of a byte is rounded to the nearest byte.
 */
int mt_value_size(const char *text, uint64_t *bytes, struct mt_error *err);

/* 250us, 500ms, 10s, 5min, 1h; the unit may not be left out. */
int mt_value_time(const char *text, uint64_t *ns, struct mt_error *err);

#endif
