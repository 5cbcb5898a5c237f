/*
 * libc.c - in what C libraries differ.
 * Inside the traced process; written by the constructor alone.
 */
#include "preload/libc.h"

#include <dlfcn.h>

bool libc_checks_alignment;

void libc_start(void)
{
	libc_checks_alignment =
		dlsym(RTLD_NEXT, "aligned_alloc") != dlsym(RTLD_NEXT, "memalign");
}
