/*
 * own-operators.h - modules that bring C++ operators of their own along.
 * Inside the traced process, under the guard; takes no lock.
 *
 * A library with a copy of the C++ library in it, bound to itself, allocates by its own operator
 * new: we see its malloc. What others delete of that comes through our door, and the other
 * way round; without us both are the operators of that library.
 */
#ifndef MT_PRELOAD_OWN_OPERATORS_H
#define MT_PRELOAD_OWN_OPERATORS_H

#include "formats/state.h"
#include "preload/api-id.h"

#include <stdbool.h>

/*
 * Whether families that do not match do so all the same: one of the calls of malloc and free was
 * made on behalf of an operator of C++.
 */
bool own_operators_match(enum api made, mt_traceback_id allocated, enum api given_back,
			 mt_traceback_id here);

#endif
