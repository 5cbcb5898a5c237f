/*
 * python.h - the objects of a Python interpreter.
 * Inside the traced process.
 */
#ifndef MT_PRELOAD_PYTHON_H
#define MT_PRELOAD_PYTHON_H

/*
 * From the library's constructor: where the program is a Python interpreter that would
 * use its own small-object allocator, its mem and obj domains come to us. Notes in the
 * state's header what was done.
 */
void python_start(void);

#endif
