/*
 * operators.c - the doors of C++: operator new and delete under their mangled names.
 * Inside the traced process. Without libstdc++: where memory runs out, the C++ library's
 * own operator takes over; it calls the new handler and throws as the program expects.
 */
#include "preload/debug.h"
#include "preload/door.h"
#include "preload/fenced.h"
#include "preload/serve.h"

#include <dlfcn.h>
#include <stdlib.h>

struct nothrow; /* std::nothrow_t */

void *_Znwm(size_t size);
void *_Znam(size_t size);
void *_ZnwmRKSt9nothrow_t(size_t size, const struct nothrow *tag);
void *_ZnamRKSt9nothrow_t(size_t size, const struct nothrow *tag);
void *_ZnwmSt11align_val_t(size_t size, size_t alignment);
void *_ZnamSt11align_val_t(size_t size, size_t alignment);
void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment,
					 const struct nothrow *tag);
void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment,
					 const struct nothrow *tag);
void _ZdlPv(void *p);
void _ZdaPv(void *p);
void _ZdlPvm(void *p, size_t size);
void _ZdaPvm(void *p, size_t size);
void _ZdlPvRKSt9nothrow_t(void *p, const struct nothrow *tag);
void _ZdaPvRKSt9nothrow_t(void *p, const struct nothrow *tag);
void _ZdlPvSt11align_val_t(void *p, size_t alignment);
void _ZdaPvSt11align_val_t(void *p, size_t alignment);
void _ZdlPvmSt11align_val_t(void *p, size_t size, size_t alignment);
void _ZdaPvmSt11align_val_t(void *p, size_t size, size_t alignment);
void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *p, size_t alignment,
					 const struct nothrow *tag);
void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *p, size_t alignment,
					 const struct nothrow *tag);

/* new of nothing is a block of its own. */
SERVE_INLINE void *create(struct mt_caller caller, enum api api, size_t size,
			  size_t alignment)
{
	uint8_t shift = (uint8_t)__builtin_ctzl(alignment);
	return serve_alloc(caller, (struct request){.size = size ? size : 1,
						    .alignment_shift = shift,
						    .api = (uint8_t)api});
}

/* With the size as the program has it: of nothing as above. */
SERVE_INLINE void give_back(enum api api, void *p, size_t size)
{
	serve_free(p, (struct release){.size = size ? size : 1, .api = (uint8_t)api});
}

static bool is_alignment(size_t alignment)
{
	return alignment && !(alignment & (alignment - 1)) &&
	       alignment <= PTRDIFF_MAX / 2;
}

/* The C++ library's operators take what malloc gives; delete is to find a block of new's. */
static void *made_by(const char *name, void *p)
{
	bool is_array = name[sizeof "_Zn" - 1] == 'a';
	enum api api = is_array ? API_NEW_ARRAY : API_NEW;
	if (debug_is_on())
		debug_change_api(p, api);
	else
		fenced_change_api(p, api);
	return p;
}

/*
 * The next operator of that name. A throwing one must not return NULL: where there is
 * none, the program did not get its operators from a C++ library, and cannot go on.
 */
static __attribute__((noinline)) void *out_of_memory(const char *name, size_t size)
{
	void *(*next)(size_t) = (void *(*)(size_t))dlsym(RTLD_NEXT, name);
	if (!next)
		abort();
	return made_by(name, next(size));
}

static __attribute__((noinline)) void *
out_of_aligned_memory(const char *name, size_t size, size_t alignment)
{
	void *(*next)(size_t, size_t) = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, name);
	if (!next)
		abort();
	return made_by(name, next(size, alignment));
}

static __attribute__((noinline)) void *
out_of_memory_nothrow(const char *name, size_t size, const struct nothrow *tag)
{
	void *(*next)(size_t, const struct nothrow *) =
		(void *(*)(size_t, const struct nothrow *))dlsym(RTLD_NEXT, name);
	return next ? made_by(name, next(size, tag)) : NULL;
}

static __attribute__((noinline)) void *
out_of_aligned_memory_nothrow(const char *name, size_t size, size_t alignment,
			      const struct nothrow *tag)
{
	void *(*next)(size_t, size_t, const struct nothrow *) =
		(void *(*)(size_t, size_t, const struct nothrow *))dlsym(RTLD_NEXT, name);
	return next ? made_by(name, next(size, alignment, tag)) : NULL;
}

DOOR void *_Znwm(size_t size)
{
	void *p = create(MT_CALLER(), API_NEW, size, 1);
	return p ? p : out_of_memory("_Znwm", size);
}

DOOR void *_Znam(size_t size)
{
	void *p = create(MT_CALLER(), API_NEW_ARRAY, size, 1);
	return p ? p : out_of_memory("_Znam", size);
}

DOOR void *_ZnwmRKSt9nothrow_t(size_t size, const struct nothrow *tag)
{
	void *p = create(MT_CALLER(), API_NEW, size, 1);
	return p ? p : out_of_memory_nothrow("_ZnwmRKSt9nothrow_t", size, tag);
}

DOOR void *_ZnamRKSt9nothrow_t(size_t size, const struct nothrow *tag)
{
	void *p = create(MT_CALLER(), API_NEW_ARRAY, size, 1);
	return p ? p : out_of_memory_nothrow("_ZnamRKSt9nothrow_t", size, tag);
}

DOOR void *_ZnwmSt11align_val_t(size_t size, size_t alignment)
{
	void *p = is_alignment(alignment) ? create(MT_CALLER(), API_NEW, size, alignment)
					  : NULL;
	return p ? p : out_of_aligned_memory("_ZnwmSt11align_val_t", size, alignment);
}

DOOR void *_ZnamSt11align_val_t(size_t size, size_t alignment)
{
	void *p = is_alignment(alignment)
			  ? create(MT_CALLER(), API_NEW_ARRAY, size, alignment)
			  : NULL;
	return p ? p : out_of_aligned_memory("_ZnamSt11align_val_t", size, alignment);
}

DOOR void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment,
					      const struct nothrow *tag)
{
	void *p = is_alignment(alignment) ? create(MT_CALLER(), API_NEW, size, alignment)
					  : NULL;
	return p ? p
		 : out_of_aligned_memory_nothrow("_ZnwmSt11align_val_tRKSt9nothrow_t",
						 size, alignment, tag);
}

DOOR void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment,
					      const struct nothrow *tag)
{
	void *p = is_alignment(alignment)
			  ? create(MT_CALLER(), API_NEW_ARRAY, size, alignment)
			  : NULL;
	return p ? p
		 : out_of_aligned_memory_nothrow("_ZnamSt11align_val_tRKSt9nothrow_t",
						 size, alignment, tag);
}

DOOR void _ZdlPv(void *p)
{
	serve_free(p, release_by(API_NEW));
}

DOOR void _ZdaPv(void *p)
{
	serve_free(p, release_by(API_NEW_ARRAY));
}

DOOR void _ZdlPvm(void *p, size_t size)
{
	give_back(API_NEW, p, size);
}

DOOR void _ZdaPvm(void *p, size_t size)
{
	give_back(API_NEW_ARRAY, p, size);
}

DOOR void _ZdlPvRKSt9nothrow_t(void *p, const struct nothrow *tag)
{
	(void)tag;
	serve_free(p, release_by(API_NEW));
}

DOOR void _ZdaPvRKSt9nothrow_t(void *p, const struct nothrow *tag)
{
	(void)tag;
	serve_free(p, release_by(API_NEW_ARRAY));
}

DOOR void _ZdlPvSt11align_val_t(void *p, size_t alignment)
{
	(void)alignment;
	serve_free(p, release_by(API_NEW));
}

DOOR void _ZdaPvSt11align_val_t(void *p, size_t alignment)
{
	(void)alignment;
	serve_free(p, release_by(API_NEW_ARRAY));
}

DOOR void _ZdlPvmSt11align_val_t(void *p, size_t size, size_t alignment)
{
	(void)alignment;
	give_back(API_NEW, p, size);
}

DOOR void _ZdaPvmSt11align_val_t(void *p, size_t size, size_t alignment)
{
	(void)alignment;
	give_back(API_NEW_ARRAY, p, size);
}

DOOR void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *p, size_t alignment,
					      const struct nothrow *tag)
{
	(void)alignment;
	(void)tag;
	serve_free(p, release_by(API_NEW));
}

DOOR void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *p, size_t alignment,
					      const struct nothrow *tag)
{
	(void)alignment;
	(void)tag;
	serve_free(p, release_by(API_NEW_ARRAY));
}
