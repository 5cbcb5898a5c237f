/*
 * environment.h - the environment as it would be without us.
 * Inside the traced process; called in children of fork and vfork too.
 */
#ifndef MT_PRELOAD_ENVIRONMENT_H
#define MT_PRELOAD_ENVIRONMENT_H

#include <stddef.h>

/*
 * Bytes that environment_without needs; 0 where no LD_PRELOAD of the environment names the
 * library by this path.
 */
size_t environment_room(char *const *environment, const char *library);

/*
 * A copy of the environment whose LD_PRELOAD has all but the library, made in room, which
 * environment_room found; the other entries are shared with it.
 */
char *const *environment_without(char *const *environment, const char *library,
				 void *room);

#endif
