/*
 * python.c - CPython's mem and obj domains go through doors of their own.
 * Inside the traced process. The doors keep Python's contract, which is not C's: a request
 * for nothing is one for a byte, and a realloc to nothing frees nothing.
 */
#include "preload/python.h"

#include "preload/config.h"
#include "preload/door.h"
#include "preload/serve.h"
#include "tracer/record/syscall.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>

enum domain {
	DOMAIN_MEM = 1,
	DOMAIN_OBJ = 2,
};

/* PyMemAllocatorEx of Python 3.5 and later. */
struct allocator {
	void *context;
	void *(*malloc)(void *context, size_t size);
	void *(*calloc)(void *context, size_t count, size_t size);
	void *(*realloc)(void *context, void *p, size_t size);
	void (*free)(void *context, void *p);
};

/*
 * An interpreter's, found by the loader with all our names: asked for by dlsym, a name
 * that is not there costs every other program its first allocations.
 */
extern void PyMem_SetAllocator(int domain, struct allocator *) __attribute__((weak));
extern const char _Py_DecRefShared[] __attribute__((weak));

SERVE_INLINE struct request request_of(void *context, size_t size, bool is_zeroed)
{
	return (struct request){
		.size = size, .is_zeroed = is_zeroed, .api = (uint8_t)(uintptr_t)context};
}

/* The byte that nothing gets comes from the C library, as CPython's own. */
static struct request request_of_nothing(void *context, bool is_zeroed)
{
	struct request request = request_of(context, 1, is_zeroed);
	request.is_outside = true;
	return request;
}

SERVE_INLINE void *allocate(void *context, struct mt_caller caller, size_t size,
			    bool is_zeroed)
{
	if (__builtin_expect(!size, 0))
		return serve_alloc_traced(caller, request_of_nothing(context, is_zeroed));
	return serve_alloc(caller, request_of(context, size, is_zeroed));
}

__attribute__((visibility("hidden"))) void *python_malloc(void *context, size_t size);
__attribute__((visibility("hidden"))) void *python_calloc(void *context, size_t count,
							  size_t size);
__attribute__((visibility("hidden"))) void *python_realloc(void *context, void *p,
							   size_t size);
void *python_malloc_of(void *context, size_t size, const uintptr_t *slot,
		       uintptr_t frame_pointer);
void *python_calloc_of(void *context, size_t count, size_t size, const uintptr_t *slot,
		       uintptr_t frame_pointer);
void *python_realloc_of(void *context, void *p, size_t size, const uintptr_t *slot,
			uintptr_t frame_pointer);

DOOR_OF(python_malloc, python_malloc_of, "%rdx", "%rcx")
void *python_malloc_of(void *context, size_t size, const uintptr_t *slot,
		       uintptr_t frame_pointer)
{
	return allocate(context, (struct mt_caller){slot, frame_pointer}, size, false);
}

DOOR_OF(python_calloc, python_calloc_of, "%rcx", "%r8")
void *python_calloc_of(void *context, size_t count, size_t size, const uintptr_t *slot,
		       uintptr_t frame_pointer)
{
	size_t bytes;
	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return allocate(context, (struct mt_caller){slot, frame_pointer}, bytes, true);
}

DOOR_OF(python_realloc, python_realloc_of, "%rcx", "%r8")
void *python_realloc_of(void *context, void *p, size_t size, const uintptr_t *slot,
			uintptr_t frame_pointer)
{
	struct mt_caller caller = {slot, frame_pointer};
	if (!p)
		return allocate(context, caller, size, false);
	return serve_realloc(caller, p,
			     size ? request_of(context, size, false)
				  : request_of_nothing(context, false));
}

static __attribute__((noinline)) void python_free(void *context, void *p)
{
	serve_free(p, release_by((enum api)(uintptr_t)context));
}

/*
 * In development mode the interpreter sets its own allocators while it starts, over
 * ours: -X dev before the first argument that is no option, or the variable.
 */
static bool is_dev_option(const char *argument, const char *next)
{
	if (argument[0] != '-' || argument[1] != 'X')
		return false;
	const char *value = argument[2] ? argument + 2 : next;
	return value && !strcmp(value, "dev");
}

static bool is_dev_asked(const char *arguments, size_t size)
{
	const char *end = arguments + size;
	const char *argument = arguments + strlen(arguments) + 1;
	while (argument < end && argument[0] == '-' && strcmp(argument, "-c")) {
		const char *next = argument + strlen(argument) + 1;
		if (is_dev_option(argument, next < end ? next : NULL))
			return true;
		bool takes_value = !strcmp(argument, "-X") || !strcmp(argument, "-W");
		argument = next;
		if (takes_value && argument < end)
			argument += strlen(argument) + 1;
	}
	return false;
}

static bool is_dev_mode(void)
{
	static char arguments[4096];
	const char *variable = config_find(config_environment(), "PYTHONDEVMODE");
	if (variable && variable[0])
		return true;
	long fd = mt_syscall6(SYS_openat, AT_FDCWD, (long)"/proc/self/cmdline",
			      O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (fd < 0)
		return false;
	long size = mt_syscall3(SYS_read, fd, (long)arguments, sizeof arguments - 1);
	mt_syscall3(SYS_close, fd, 0, 0);
	return size > 0 && is_dev_asked(arguments, (size_t)size);
}

/* A build without the GIL keeps its objects in an allocator that its collector walks. */
static bool is_free_threaded(void)
{
	return _Py_DecRefShared != NULL;
}

void python_start(void)
{
	if (!PyMem_SetAllocator)
		return;
	if (!config.python_is_ours || is_dev_mode() || is_free_threaded()) {
		mt_state.header->python = MT_PYTHON_OWN;
		return;
	}
	struct allocator ours = {.context = (void *)API_PYTHON_MEM,
				 .malloc = python_malloc,
				 .calloc = python_calloc,
				 .realloc = python_realloc,
				 .free = python_free};
	PyMem_SetAllocator(DOMAIN_MEM, &ours);
	ours.context = (void *)API_PYTHON_OBJECT;
	PyMem_SetAllocator(DOMAIN_OBJ, &ours);
	mt_state.header->python = MT_PYTHON_OURS;
}
