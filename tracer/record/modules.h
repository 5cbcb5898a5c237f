/*
 * modules.h - which loaded object an address belongs to, and where its unwind
 * information lies.
 * Inside the traced process. Objects are found with _dl_find_object, which takes no lock and may
 * be called from anywhere; each gets its row in MT_REGION_MODULES when it is first met.
 */
#ifndef MT_TRACER_RECORD_MODULES_H
#define MT_TRACER_RECORD_MODULES_H

#include "formats/state.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct mt_module_match {
	uint32_t id;              /* in MT_REGION_MODULES; 0 when that is full */
	uintptr_t start, end;     /* of the mapping */
	const uint8_t *unwinding; /* PT_GNU_EH_FRAME; NULL: none */
};

/*
 * Grows whenever something that a thread remembers about code may be wrong: before and
 * after a dlclose, when an object is found to be gone, and when tracing is switched. Threads compare it at each event and forget
 * their rules and stacks when it changed.
 */
extern __attribute__((visibility("hidden"))) _Atomic uint32_t mt_modules_generation;

static inline uint32_t mt_modules_current(void)
{
	return atomic_load_explicit(&mt_modules_generation, memory_order_relaxed);
}

/*
 * Grows before a dlopen. What a thread knows about loaded objects stays right, but not
 * that an address is in none.
 */
extern _Atomic uint32_t mt_modules_loads;

/* Enter all that is loaded, in load order. For the constructor only: takes a loader lock. */
void mt_modules_scan(void);

/* False: the address is in no loaded object. */
bool mt_modules_find(uintptr_t pc, struct mt_module_match *match);

/* The id of the module at pc; 0: none. */
uint32_t mt_modules_id(uintptr_t pc);

/* A dlopen is about to happen. */
void mt_modules_loading(void);

/* A dlclose is about to happen; has happened: marks the rows of what is gone. */
void mt_modules_unloading(void);
void mt_modules_unloaded(void);

/* Another reason to forget. */
void mt_modules_changed(void);

/* In a forked child: the rows are fresh. */
void mt_modules_restart(void);

#endif
