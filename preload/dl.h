/*
 * dl.h - the doors of the dynamic loader: libraries that come and go while we record.
 * Inside the traced process.
 *
 * dlopen and dlmopen (dl-open.S) lose RTLD_DEEPBIND, with which a library would bind to
 * the C library's malloc past us, and jump on to the real functions: as callers in the
 * usual sense we would decide whose RUNPATH and namespace count. dlclose is an
 * ordinary wrapper that makes remembered code forgotten.
 */
#ifndef MT_PRELOAD_DL_H
#define MT_PRELOAD_DL_H

/* For the constructor: find the real functions while nobody waits for them. */
void dl_start(void);

/* Called by dl-open.S before each jump; finds the real functions if nobody did yet. */
void dl_before_open(void);

#endif
