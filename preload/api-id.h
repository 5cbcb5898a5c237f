/*
 * api-id.h - which family of functions asks for a block, and gives it back.
 * Inside the traced process.
 */
#ifndef MT_PRELOAD_API_ID_H
#define MT_PRELOAD_API_ID_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum api {
	API_MALLOC = 0, /* malloc, calloc, realloc, free */
	API_ALIGNED,    /* memalign and its kin; free gives back */
	API_NEW,
	API_NEW_ARRAY,
	API_PYTHON_MEM,
	API_PYTHON_OBJECT,
	API_COUNT
};

/* What reports call it: CPython's letters for its domains. */
static const char api_letters[] = "canvmo";
static_assert(sizeof api_letters == API_COUNT + 1, "one for each");

static inline char api_letter(enum api api)
{
	return api_letters[api];
}

/* Of a letter that is one. */
static inline enum api api_of_letter(char letter)
{
	uint32_t api = 0;
	while (api + 1 < API_COUNT && api_letters[api] != letter)
		api++;
	return (enum api)api;
}

static inline const char *api_name_of_alloc(enum api api)
{
	static const char *const names[API_COUNT] = {
		[API_MALLOC] = "malloc",
		[API_ALIGNED] = "memalign",
		[API_NEW] = "operator new",
		[API_NEW_ARRAY] = "operator new[]",
		[API_PYTHON_MEM] = "PyMem_Malloc",
		[API_PYTHON_OBJECT] = "PyObject_Malloc",
	};
	return names[api];
}

static inline const char *api_name_of_free(enum api api)
{
	static const char *const names[API_COUNT] = {
		[API_MALLOC] = "free",           [API_ALIGNED] = "free",
		[API_NEW] = "operator delete",   [API_NEW_ARRAY] = "operator delete[]",
		[API_PYTHON_MEM] = "PyMem_Free", [API_PYTHON_OBJECT] = "PyObject_Free",
	};
	return names[api];
}

static inline const char *api_name_of_realloc(enum api api)
{
	return api == API_PYTHON_MEM      ? "PyMem_Realloc"
	       : api == API_PYTHON_OBJECT ? "PyObject_Realloc"
					  : "realloc";
}

/* Whether what this family made may be given back by that one. */
static inline bool api_matches(enum api made, enum api given_back)
{
	return made == given_back || (made == API_ALIGNED && given_back == API_MALLOC);
}

/* How the program gives a block back; fits two registers. */
struct release {
	size_t size; /* as it says; RELEASE_UNSIZED: it does not */
	uint8_t api; /* enum api */
};

#define RELEASE_UNSIZED SIZE_MAX

static inline struct release release_by(enum api api)
{
	return (struct release){.size = RELEASE_UNSIZED, .api = (uint8_t)api};
}

#endif
