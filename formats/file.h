/*
 * file.h - a file on disk as a source of a reader. Outside.
 */
#ifndef MT_FORMATS_FILE_H
#define MT_FORMATS_FILE_H

#include "formats/reader.h"

/* *source is to be closed. A regular file only: MT_ERR_NOT_A_TRACE, MISSING, SYSTEM. */
int mt_file_source(struct mt_source *source, const char *path, struct mt_error *err);

#endif
