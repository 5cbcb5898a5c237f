/*
 * vector.h - arrays that grow, with an error instead of an abort. Outside.
 */
#ifndef MT_TRACER_ANALYZE_VECTOR_H
#define MT_TRACER_ANALYZE_VECTOR_H

#include "formats/error.h"

#include <stddef.h>
#include <stdlib.h>

/*
 * Room for at least count elements: list, perhaps moved, or NULL with *err filled; list
 * is then as before. Usage:
 *
 *     struct row *grown = mt_vector_reserve(v->list, &v->capacity, v->count + 1,
 *                                           sizeof *grown, err);
 *     if (!grown)
 *             return MT_ERR_NO_MEMORY;
 *     v->list = grown;
 */
static inline void *mt_vector_reserve(void *list, size_t *capacity, size_t count,
				      size_t element_bytes, struct mt_error *err)
{
	if (list && count <= *capacity)
		return list;
	size_t wanted = *capacity + *capacity / 2;
	if (wanted < count)
		wanted = count;
	if (wanted < 16)
		wanted = 16;
	void *grown = reallocarray(list, wanted, element_bytes);
	if (!grown) {
		mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
		return NULL;
	}
	*capacity = wanted;
	return grown;
}

/* Put value at the end of an MT_LIST. 0 or MT_ERR_NO_MEMORY. */
#define MT_LIST_ADD(list_of, value, err)                                                 \
	({                                                                               \
		__typeof__((list_of).list) grown_ =                                      \
			mt_vector_reserve((list_of).list, &(list_of).capacity,           \
					  (list_of).count + 1, sizeof *grown_, err);     \
		if (grown_) {                                                            \
			(list_of).list = grown_;                                         \
			grown_[(list_of).count++] = (value);                             \
		}                                                                        \
		grown_ ? 0 : MT_ERR_NO_MEMORY;                                           \
	})

#endif
