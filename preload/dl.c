/*
 * dl.c - see dl.h. Inside the traced process.
 */
#include "preload/dl.h"

#include <dlfcn.h>
#include <stddef.h>

#include "tracer/record/modules.h"

/* Read by dl-open.S. */
extern void *dl_real_dlopen, *dl_real_dlmopen;
void *dl_real_dlopen, *dl_real_dlmopen;

static int (*real_dlclose)(void *handle);

void dl_start(void)
{
	if (real_dlclose)
		return;
	dl_real_dlmopen = dlsym(RTLD_NEXT, "dlmopen");
	dl_real_dlopen = dlsym(RTLD_NEXT, "dlopen");
	real_dlclose = (int (*)(void *))dlsym(RTLD_NEXT, "dlclose");
}

void dl_before_open(void)
{
	dl_start();
	mt_modules_loading();
}

__attribute__((visibility("default"))) int dlclose(void *handle)
{
	dl_start();
	mt_modules_unloading();
	int result = real_dlclose(handle);
	mt_modules_unloaded();
	return result;
}
