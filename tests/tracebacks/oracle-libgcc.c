/*
 * oracle-libgcc.c - libgcc's side of oracle.h. Inside the traced process.
 */
#include "tests/tracebacks/oracle.h"

#include <dlfcn.h>
#include <stddef.h>
#include <unwind.h>

static __typeof__(_Unwind_Backtrace) *backtrace;
static __typeof__(_Unwind_GetIPInfo) *get_pc;
static __typeof__(_Unwind_GetCFA) *get_cfa;

bool oracle_libgcc_open(void)
{
	void *library = dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return false;
	backtrace = (__typeof__(backtrace))dlsym(library, "_Unwind_Backtrace");
	get_pc = (__typeof__(get_pc))dlsym(library, "_Unwind_GetIPInfo");
	get_cfa = (__typeof__(get_cfa))dlsym(library, "_Unwind_GetCFA");
	return backtrace && get_pc && get_cfa;
}

struct walk {
	struct oracle *oracle;
	uintptr_t caller_sp;
	bool is_ours;
};

static _Unwind_Reason_Code take_frame(struct _Unwind_Context *context, void *data)
{
	struct walk *w = data;
	struct oracle *o = w->oracle;
	int is_interrupted;
	uint64_t pc = get_pc(context, &is_interrupted);
	uintptr_t sp = get_cfa(context); /* of the frame within */
	w->is_ours = w->is_ours && sp != w->caller_sp;
	if (!pc || w->is_ours || o->count == ORACLE_MAX_FRAMES)
		return _URC_NO_REASON;
	o->sp[o->count] = sp;
	o->frames[o->count++] = oracle_frame(pc, is_interrupted);
	return _URC_NO_REASON;
}

enum oracle_ending oracle_libgcc_walk(struct oracle *o, const uintptr_t *slot)
{
	struct walk w = {
		.oracle = o, .caller_sp = (uintptr_t)(slot + 1), .is_ours = true};
	o->count = 0;
	return backtrace(take_frame, &w) == _URC_END_OF_STACK ? ORACLE_COMPLETE
							      : ORACLE_BROKEN;
}
