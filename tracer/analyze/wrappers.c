/*
 * wrappers.c - see wrappers.h. Outside.
 */
#include "tracer/analyze/wrappers.h"

#include "formats/state.h"

#include <stdlib.h>
#include <string.h>

/* Sorted by byte for bsearch; a test holds the order. */
static const char *const known_names[] = {
	"AcquireAlignedMemory",
	"AcquireCriticalMemory",
	"AcquireMagickMemory",
	"AcquireQuantumMemory",
	"AcquireString",
	"AcquireVirtualMemory",
	"AllocSetAlloc",
	"AllocSetContextCreateInternal",
	"AllocSetRealloc",
	"AllocateHeap",
	"BUF_strdup",
	"CRYPTO_aligned_alloc",
	"CRYPTO_calloc",
	"CRYPTO_clear_realloc",
	"CRYPTO_malloc",
	"CRYPTO_memdup",
	"CRYPTO_realloc",
	"CRYPTO_secure_malloc",
	"CRYPTO_secure_zalloc",
	"CRYPTO_strdup",
	"CRYPTO_strndup",
	"CRYPTO_zalloc",
	"CloneString",
	"ConstantString",
	"GenerationAlloc",
	"MemoryContextAlloc",
	"MemoryContextAllocExtended",
	"MemoryContextAllocHuge",
	"MemoryContextAllocZero",
	"MemoryContextAllocZeroAligned",
	"MemoryContextStrdup",
	"OPENSSL_malloc",
	"Perl_calloc",
	"Perl_malloc",
	"Perl_more_bodies",
	"Perl_more_sv",
	"Perl_realloc",
	"Perl_safesyscalloc",
	"Perl_safesysmalloc",
	"Perl_safesysrealloc",
	"Perl_savepv",
	"Perl_savepvn",
	"Perl_sv_grow",
	"PyDataMem_NEW",
	"PyDataMem_NEW_ZEROED",
	"PyDataMem_RENEW",
	"PyMem_Calloc",
	"PyMem_Malloc",
	"PyMem_RawCalloc",
	"PyMem_RawMalloc",
	"PyMem_RawRealloc",
	"PyMem_RawStrdup",
	"PyMem_Realloc",
	"PyObject_Calloc",
	"PyObject_GC_NewVar",
	"PyObject_Malloc",
	"PyObject_Realloc",
	"PyType_GenericAlloc",
	"ReallocateHeap",
	"ResizeMagickMemory",
	"ResizeQuantumMemory",
	"SlabAlloc",
	"_PyArena_Malloc",
	"_PyMem_DebugRawAlloc",
	"_PyMem_DebugRawCalloc",
	"_PyMem_DebugRawMalloc",
	"_PyMem_DebugRawRealloc",
	"_PyMem_RawCalloc",
	"_PyMem_RawMalloc",
	"_PyMem_RawRealloc",
	"_PyMem_RawStrdup",
	"_PyMem_RawWcsdup",
	"_PyMem_Strdup",
	"_PyObject_Calloc",
	"_PyObject_GC_Alloc",
	"_PyObject_GC_Calloc",
	"_PyObject_GC_Malloc",
	"_PyObject_GC_New",
	"_PyObject_GC_NewVar",
	"_PyObject_GC_Resize",
	"_PyObject_Malloc",
	"_PyObject_New",
	"_PyObject_NewVar",
	"_PyObject_Realloc",
	"_PyType_AllocNoTrack",
	"_Znam",
	"_ZnamRKSt9nothrow_t",
	"_ZnamSt11align_val_t",
	"_Znwm",
	"_ZnwmRKSt9nothrow_t",
	"_ZnwmSt11align_val_t",
	"__gmp_default_allocate",
	"__gmp_default_reallocate",
	"__rdl_alloc",
	"__rdl_alloc_zeroed",
	"__rdl_realloc",
	"__rust_alloc",
	"__rust_alloc_zeroed",
	"__rust_realloc",
	"__strdup",
	"__zend_calloc",
	"__zend_malloc",
	"__zend_realloc",
	"_ecalloc",
	"_emalloc",
	"_erealloc",
	"_erealloc2",
	"_estrdup",
	"_estrndup",
	"_nc_doalloc",
	"_safe_emalloc",
	"_safe_erealloc",
	"_safe_malloc",
	"_safe_realloc",
	"_talloc_zero",
	"aligned_alloc",
	"alloc_clear",
	"apr_palloc",
	"apr_pcalloc",
	"apr_pstrdup",
	"asprintf",
	"av_buffer_alloc",
	"av_buffer_allocz",
	"av_buffer_realloc",
	"av_calloc",
	"av_fast_malloc",
	"av_fast_realloc",
	"av_malloc",
	"av_malloc_array",
	"av_mallocz",
	"av_mallocz_array",
	"av_memdup",
	"av_realloc",
	"av_realloc_array",
	"av_reallocp",
	"av_reallocp_array",
	"av_strdup",
	"av_strndup",
	"calloc",
	"caml_alloc_for_heap",
	"caml_stat_alloc",
	"caml_stat_alloc_aligned",
	"caml_stat_alloc_aligned_noexc",
	"caml_stat_alloc_noexc",
	"caml_stat_calloc_noexc",
	"caml_stat_resize",
	"caml_stat_resize_noexc",
	"caml_stat_strdup",
	"ckalloc",
	"dlmalloc",
	"do_xmalloc",
	"ecalloc",
	"emalloc",
	"erealloc",
	"erts_sys_aligned_alloc",
	"erts_sys_alloc",
	"erts_sys_realloc",
	"estrdup",
	"event_mm_calloc_",
	"event_mm_malloc_",
	"event_mm_realloc_",
	"event_mm_strdup_",
	"g_aligned_alloc",
	"g_aligned_alloc0",
	"g_malloc",
	"g_malloc0",
	"g_malloc0_n",
	"g_malloc_n",
	"g_memdup",
	"g_memdup2",
	"g_realloc",
	"g_realloc_n",
	"g_slice_alloc",
	"g_slice_alloc0",
	"g_slice_copy",
	"g_strconcat",
	"g_strdup",
	"g_strdup_printf",
	"g_strdup_vprintf",
	"g_strdupv",
	"g_strndup",
	"g_try_malloc",
	"g_try_malloc0",
	"g_try_malloc0_n",
	"g_try_malloc_n",
	"g_try_realloc",
	"g_try_realloc_n",
	"g_vasprintf",
	"gc_alloc",
	"ggc_internal_alloc",
	"ggc_internal_cleared_alloc",
	"ggc_realloc",
	"git__malloc",
	"gomp_malloc",
	"gomp_malloc_cleared",
	"gomp_realloc",
	"je_calloc",
	"je_malloc",
	"je_realloc",
	"jv_mem_alloc",
	"jv_mem_alloc_unguarded",
	"jv_mem_calloc",
	"jv_mem_realloc",
	"jv_mem_strdup",
	"l_alloc",
	"lalloc",
	"lalloc_clear",
	"llvm::SmallVectorBase::grow_pod",
	"llvm::SmallVectorBase::mallocForGrow",
	"llvm::allocate_buffer",
	"llvm::safe_calloc",
	"llvm::safe_malloc",
	"llvm::safe_realloc",
	"lmalloc",
	"lrealloc",
	"luaM_growaux_",
	"luaM_malloc_",
	"luaM_realloc_",
	"luaM_saferealloc_",
	"luaM_shrinkvector_",
	"lzma_alloc",
	"lzma_alloc_zero",
	"malloc",
	"mallocz",
	"mem_malloc",
	"mem_pool_alloc",
	"mem_pool_calloc",
	"mem_pool_strdup",
	"mem_realloc",
	"memalign",
	"mi_calloc",
	"mi_malloc",
	"mi_realloc",
	"mi_strdup",
	"monoeg_g_calloc",
	"monoeg_g_strdup_printf",
	"monoeg_g_strdup_vprintf",
	"monoeg_malloc",
	"monoeg_malloc0",
	"monoeg_realloc",
	"ngx_alloc",
	"ngx_calloc",
	"ngx_create_pool",
	"ngx_memalign",
	"ngx_palloc",
	"ngx_pcalloc",
	"ngx_pmemalign",
	"ngx_pnalloc",
	"ngx_pstrdup",
	"os::malloc",
	"os::realloc",
	"os::strdup",
	"palloc",
	"palloc0",
	"palloc0fast",
	"palloc_aligned",
	"palloc_extended",
	"pcache1Alloc",
	"pg_malloc",
	"pg_malloc0",
	"pg_malloc_extended",
	"pg_realloc",
	"pg_strdup",
	"pnstrdup",
	"posix_memalign",
	"psprintf",
	"pstrdup",
	"pvalloc",
	"qemu_memalign",
	"qemu_try_memalign",
	"realloc",
	"reallocarray",
	"reallocz",
	"repalloc",
	"repalloc0",
	"repalloc_huge",
	"ruby_xcalloc",
	"ruby_xmalloc",
	"ruby_xmalloc2",
	"ruby_xrealloc",
	"ruby_xrealloc2",
	"safe_calloc",
	"safe_malloc",
	"safe_realloc",
	"safe_strdup",
	"scm_calloc",
	"scm_gc_malloc",
	"scm_malloc",
	"scm_realloc",
	"scm_strdup",
	"scm_strndup",
	"sh_malloc",
	"sh_realloc",
	"sh_xmalloc",
	"sh_xrealloc",
	"sqlite3DbMallocRaw",
	"sqlite3DbMallocRawNN",
	"sqlite3DbMallocZero",
	"sqlite3DbRealloc",
	"sqlite3DbReallocOrFree",
	"sqlite3DbStrDup",
	"sqlite3DbStrNDup",
	"sqlite3Malloc",
	"sqlite3MallocZero",
	"sqlite3MemMalloc",
	"sqlite3MemRealloc",
	"sqlite3PageMalloc",
	"sqlite3Realloc",
	"sqlite3_malloc",
	"sqlite3_malloc64",
	"sqlite3_mprintf",
	"sqlite3_realloc",
	"sqlite3_realloc64",
	"sqlite3_vmprintf",
	"strbuf_grow",
	"strdup",
	"strndup",
	"successful_malloc",
	"talloc_named_const",
	"talloc_strdup",
	"tc_calloc",
	"tc_malloc",
	"tc_realloc",
	"uv__calloc",
	"uv__malloc",
	"uv__realloc",
	"uv__strdup",
	"v8::internal::AlignedAllocWithRetry",
	"v8::internal::AllocAtLeastWithRetry",
	"v8::internal::AllocWithRetry",
	"valloc",
	"vasprintf",
	"vim_strnsave",
	"vim_strsave",
	"wcsdup",
	"x264_malloc",
	"xasprintf",
	"xcalloc",
	"xmalloc",
	"xmallocarray",
	"xmallocz",
	"xmallocz_gently",
	"xmemdup",
	"xmemdup0",
	"xmemdupz",
	"xmlMallocLoc",
	"xmlStrdup",
	"xmlStrndup",
	"xrealloc",
	"xreallocarray",
	"xstrdup",
	"xstrdup_or_null",
	"xstrfmt",
	"xstrndup",
	"xstrvfmt",
	"xvasprintf",
	"xzalloc",
	"zalloc",
	"zcalloc",
	"zcalloc_num",
	"zcalloc_usable",
	"zend_mm_alloc",
	"zend_strndup",
	"zmalloc",
	"zmalloc_usable",
	"zrealloc",
	"zrealloc_usable",
	"zshcalloc",
	"zstrdup",
	"ztrdup",
	"ztrycalloc",
	"ztrycalloc_usable",
	"ztrycalloc_usable_internal",
	"ztrymalloc",
	"ztrymalloc_usable",
	"ztrymalloc_usable_internal",
	"ztryrealloc",
	"ztryrealloc_usable",
	"ztryrealloc_usable_internal",
};

/* Libraries whose name begins so, followed by a dot or a dash. */
static const char *const known_libraries[] = {
	"libc",          "ld",           "ld-linux",     "ld-linux-x86-64",
	"ld-musl",       "libpthread",   "libm",         "libdl",
	"librt",         "libresolv",    "libutil",      "libanl",
	"libnsl",        "libthread_db", "libnss_files", "libnss_dns",
	"libnss_compat", "libstdc++",    "libc++",       "libc++abi",
	"libgcc_s",      "libmemtrace",
};

static bool has_library(const char *base)
{
	for (size_t i = 0; i < sizeof known_libraries / sizeof *known_libraries; i++) {
		size_t length = strlen(known_libraries[i]);
		if (strncmp(base, known_libraries[i], length) != 0)
			continue;
		/* "libc.so.6", and "libc-2.31.so" of older systems. */
		const char *rest = base + length;
		if (!strncmp(rest, ".so", 3) || (rest[0] == '-' && strstr(rest, ".so")))
			return true;
	}
	return false;
}

bool mt_wrappers_has_module(const char *path, uint32_t flags)
{
	if (flags & (MT_MODULE_MEMTRACE | MT_MODULE_LOADER | MT_MODULE_VDSO))
		return true;
	if (flags & MT_MODULE_MAIN)
		return false;
	const char *slash = strrchr(path, '/');
	return has_library(slash ? slash + 1 : path);
}

/* The libraries' code that lives in headers, and so in the user's modules. */
static bool has_file(const char *file)
{
	return strstr(file, "/include/c++/") || strstr(file, "/libstdc++-v3/") ||
	       !strncmp(file, "/rustc/", 7) || strstr(file, "/library/alloc/src/") ||
	       strstr(file, "/library/core/src/");
}

static bool begins_with_any(const char *name, const char *const *prefixes)
{
	for (; *prefixes; prefixes++)
		if (!strncmp(name, *prefixes, strlen(*prefixes)))
			return true;
	return false;
}

/* What calls main is passed over too. */
static bool is_entry(const char *plain)
{
	return !strcmp(plain, "_start") || !strcmp(plain, "__libc_start_main");
}

/* A class's own operator new. */
static bool is_operator_new(const char *plain)
{
	const char *last = strstr(plain, "::operator new");
	return last && !strchr(last + 2, ':');
}

static bool has_prefix(const struct mt_location *location, const char *name)
{
	static const char *const allocating[] = {"operator new", "__gnu_cxx::", NULL};
	/* A user may specialise templates of std: that code has the user's file. */
	static const char *const library[] = {
		"std::",  "alloc::", "core::",      "<alloc::",
		"<std::", "<core::", "hashbrown::", NULL};
	return begins_with_any(name, allocating) ||
	       (!location->file && begins_with_any(name, library));
}

static int compare_name(const void *key, const void *element)
{
	return strcmp(key, *(const char *const *)element);
}

static bool is_known(const char *name)
{
	return bsearch(name, known_names, sizeof known_names / sizeof *known_names,
		       sizeof *known_names, compare_name);
}

static bool is_users(const struct mt_wrappers *wrappers, const char *function,
		     const char *plain)
{
	for (size_t i = 0; i < wrappers->count; i++)
		if (!strcmp(wrappers->names[i], plain) ||
		    !strcmp(wrappers->names[i], function))
			return true;
	return false;
}

/* Where the parameter list begins: the last "(" outside of brackets, or the end. */
static size_t parameters_begin(const char *function)
{
	size_t begin = strlen(function);
	int depth = 0;
	for (size_t i = 0; function[i]; i++) {
		char c = function[i];
		if (!strncmp(function + i, "operator", 8)) {
			/* "operator<", "operator()": its brackets are part of the name. */
			i += 8;
			i += strspn(function + i, "<>=-");
			if (!strncmp(function + i, "()", 2))
				i += 2;
			if (!function[i])
				break;
			i--;
			continue;
		}
		if (c == '(' && depth == 0)
			begin = i;
		depth += (c == '<' || c == '(') - (c == '>' || c == ')');
		if (c == ')' && depth == 0 && function[i + 1] == ':')
			begin = strlen(function); /* "(anonymous namespace)::f" */
	}
	return begin;
}

/* Where the name begins: behind the last space outside of brackets. */
static size_t name_begins(const char *function, size_t end)
{
	size_t begin = 0;
	int depth = 0;
	for (size_t i = 0; i < end; i++) {
		char c = function[i];
		if (!strncmp(function + i, "operator", 8))
			break;
		depth += (c == '<' || c == '(') - (c == '>' || c == ')');
		if (c == ' ' && depth == 0)
			begin = i + 1;
	}
	return begin;
}

void mt_wrappers_plain_name(char *plain, size_t size, const char *function)
{
	size_t end = parameters_begin(function);
	size_t length = 0;
	int depth = 0;
	for (size_t i = name_begins(function, end); i < end && length + 1 < size; i++) {
		char c = function[i];
		if (!strncmp(function + i, "operator", 8)) {
			while (i < end && length + 1 < size)
				plain[length++] = function[i++];
			break;
		}
		depth += c == '<';
		/* A Rust path may begin with "<T as Trait>": then it stays as it is. */
		if (!depth || length == 0)
			plain[length++] = c;
		depth -= c == '>';
	}
	plain[length] = '\0';
}

static bool allocates(const struct mt_wrappers *wrappers, const char *function,
		      const char *plain)
{
	return is_known(plain) || is_operator_new(plain) ||
	       is_users(wrappers, function, plain);
}

bool mt_wrappers_allocates(const struct mt_wrappers *wrappers,
			   const struct mt_location *location)
{
	char plain[256];
	if (!location->function)
		return false;
	mt_wrappers_plain_name(plain, sizeof plain, location->function);
	return allocates(wrappers, location->function, plain);
}

bool mt_wrappers_has(const struct mt_wrappers *wrappers,
		     const struct mt_location *location)
{
	if (location->file && has_file(location->file))
		return true;
	if (!location->function)
		return false;
	char plain[256];
	mt_wrappers_plain_name(plain, sizeof plain, location->function);
	return has_prefix(location, plain) || has_prefix(location, location->function) ||
	       is_entry(plain) || allocates(wrappers, location->function, plain);
}
