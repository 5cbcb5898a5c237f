/*
 * check.c - what a record may say, by itself and after others; see record.h. Outside.
 */
#include "formats/record.h"

#include "formats/state.h"

enum {
	KIND_MAX =
		15, /* frame kinds, roots, snapshot kinds, also those of later formats */
	REASON_MAX = 255, /* as KIND_MAX, of losses */
	LAYER_MAX = 63,   /* of layers */
	HELD_MAX = 63,    /* of roots of a scan */
	CONTENT_MAX = 7,  /* of contents of blocks */
	ERROR_MAX = 63,   /* of errors */
};

static const char *traceback_fault(const struct mt_record_traceback *traceback)
{
	if (!traceback->id || traceback->id == UINT32_MAX)
		return "a traceback's id is out of range";
	if (traceback->root > KIND_MAX)
		return "a traceback's root is not known";
	if (traceback->root)
		return traceback->parent || traceback->frame
			       ? "a root has a parent or a frame"
			       : NULL;
	if (!traceback->parent || traceback->parent >= traceback->id)
		return "a traceback's parent is not an earlier one";
	return traceback->frame ? NULL : "a traceback has no frame";
}

static const char *snapshot_fault(const struct mt_record_snapshot *snapshot)
{
	if (!snapshot->ordinal)
		return "a snapshot has no ordinal";
	if (snapshot->kind > KIND_MAX)
		return "a snapshot's kind is not known";
	if (snapshot->base >= snapshot->ordinal)
		return "a snapshot's base is not an earlier one";
	return NULL;
}

static const char *cell_fault(const struct mt_record_cell *cell)
{
	if (cell->slot == UINT32_MAX)
		return "a cell's thread slot is out of range";
	if (cell->class_index >= MT_MAX_CLASSES && cell->class_index != MT_CLASS_LARGE)
		return "a cell's class is out of range";
	return cell->traceback ? NULL : "a cell has no traceback";
}

static const char *layout_fault(const struct mt_record *rec)
{
	switch (rec->kind) {
	case MT_RECORD_POOL:
		if (rec->pool.index == UINT32_MAX)
			return "a pool's index is out of range";
		if (rec->pool.state == MT_POOL_NONE || rec->pool.state > MT_POOL_FULL)
			return "a pool's state is not known";
		return rec->pool.class_index < MT_MAX_CLASSES
			       ? NULL
			       : "a pool's class is out of range";
	case MT_RECORD_PIN:
		if (rec->pin.pool == UINT32_MAX)
			return "a pin's pool is out of range";
		return rec->pin.traceback ? NULL : "a pin has no traceback";
	case MT_RECORD_BORDER:
		if (rec->border.class_index >= MT_MAX_CLASSES &&
		    rec->border.class_index != MT_CLASS_LARGE)
			return "a border's class is out of range";
		return rec->border.traceback ? NULL : "a border has no traceback";
	case MT_RECORD_WAITING:
		if (rec->waiting.class_index >= MT_MAX_CLASSES &&
		    rec->waiting.class_index != MT_CLASS_LARGE)
			return "a class of waiting blocks is out of range";
		return rec->waiting.traceback ? NULL : "waiting blocks have no traceback";
	case MT_RECORD_LAYER:
		return rec->layer.kind <= LAYER_MAX ? NULL : "a layer is not known";
	default:
		return NULL;
	}
}

static const char *block_fault(const struct mt_record_block *block)
{
	if (!block->id || block->id == UINT32_MAX)
		return "a block's id is out of range";
	if (block->kind >= MT_LEAK_KINDS || block->content > CONTENT_MAX)
		return "a block's kind is not known";
	if (block->address + block->size < block->address)
		return "a block goes beyond the last address";
	if (block->held_by_root && !block->holder)
		return "a block's root is none";
	return block->traceback ? NULL : "a block has no traceback";
}

static const char *scan_fault(const struct mt_record *rec)
{
	switch (rec->kind) {
	case MT_RECORD_SCAN:
		return rec->scan.method <= KIND_MAX ? NULL
						    : "a scan's method is not known";
	case MT_RECORD_ROOT:
		if (!rec->root.id || rec->root.id == UINT32_MAX)
			return "a root's id is out of range";
		return rec->root.kind <= HELD_MAX ? NULL : "a root's kind is not known";
	case MT_RECORD_CALLER:
		return rec->caller.root && rec->caller.frame
			       ? NULL
			       : "a caller has no root or no frame";
	case MT_RECORD_BLOCK:
		return block_fault(&rec->block);
	case MT_RECORD_EDGE:
		return rec->edge.from && rec->edge.to ? NULL : "an edge has one end";
	case MT_RECORD_CONTENTS:
		return rec->contents.block ? NULL : "contents have no block";
	default:
		return layout_fault(rec);
	}
}

const char *mt_record_fault(const struct mt_record *rec)
{
	switch (rec->kind) {
	case MT_RECORD_MODULE:
		if (!rec->module.id || rec->module.id == UINT32_MAX)
			return "a module's id is out of range";
		return rec->module.start > rec->module.end
			       ? "a module ends before it starts"
			       : NULL;
	case MT_RECORD_FRAME:
		if (!rec->frame.id || rec->frame.id == UINT32_MAX)
			return "a frame's id is out of range";
		return rec->frame.kind > KIND_MAX ? "a frame's kind is not known" : NULL;
	case MT_RECORD_TRACEBACK:
		return traceback_fault(&rec->traceback);
	case MT_RECORD_THREAD:
		return rec->thread.slot == UINT32_MAX ? "a thread's slot is out of range"
						      : NULL;
	case MT_RECORD_SNAPSHOT:
	case MT_RECORD_SNAPSHOT_END:
		return snapshot_fault(&rec->snapshot);
	case MT_RECORD_COUNTER:
		return rec->counter.traceback ? NULL : "a counter has no traceback";
	case MT_RECORD_CELL:
		return cell_fault(&rec->cell);
	case MT_RECORD_CLASS:
		return rec->class.index < MT_MAX_CLASSES ? NULL
							 : "a class is out of range";
	case MT_RECORD_ERROR:
		return rec->error.kind && rec->error.kind <= ERROR_MAX
			       ? NULL
			       : "an error is not known";
	case MT_RECORD_LOSS:
		return rec->loss.reason <= REASON_MAX ? NULL
						      : "a loss's reason is out of range";
	default:
		return scan_fault(rec);
	}
}

static void raise_to(uint32_t *highest, uint32_t value)
{
	if (*highest < value)
		*highest = value;
}

bool mt_record_lacks(const struct mt_record *rec, const struct mt_defined *defined,
		     struct mt_defined *needs)
{
	*needs = (struct mt_defined){0};
	switch (rec->kind) {
	case MT_RECORD_MODULE:
		needs->modules = rec->module.id - 1;
		break;
	case MT_RECORD_FRAME:
		needs->frames = rec->frame.id - 1;
		needs->modules = rec->frame.module;
		break;
	case MT_RECORD_TRACEBACK:
		needs->tracebacks = rec->traceback.id - 1;
		needs->frames = rec->traceback.frame;
		break;
	case MT_RECORD_THREAD:
		needs->slots = rec->thread.slot;
		break;
	case MT_RECORD_SNAPSHOT:
	case MT_RECORD_SNAPSHOT_END:
		*needs = rec->snapshot.defined;
		break;
	case MT_RECORD_COUNTER:
		needs->tracebacks = rec->counter.traceback;
		break;
	case MT_RECORD_CELL:
		needs->tracebacks = rec->cell.traceback;
		needs->slots = rec->cell.slot + 1;
		break;
	case MT_RECORD_PIN:
		needs->tracebacks = rec->pin.traceback;
		break;
	case MT_RECORD_HOLD:
		needs->tracebacks = rec->hold.traceback;
		break;
	case MT_RECORD_BORDER:
		needs->tracebacks = rec->border.traceback;
		break;
	case MT_RECORD_WAITING:
		needs->tracebacks = rec->waiting.traceback;
		break;
	case MT_RECORD_ROOT:
		needs->modules = rec->root.module;
		needs->frames = rec->root.frame;
		break;
	case MT_RECORD_CALLER:
		needs->frames = rec->caller.frame;
		break;
	case MT_RECORD_BLOCK:
		needs->tracebacks = rec->block.traceback;
		needs->modules = rec->block.content_module;
		break;
	case MT_RECORD_ERROR:
		raise_to(&needs->tracebacks, rec->error.allocated);
		raise_to(&needs->tracebacks, rec->error.freed);
		raise_to(&needs->tracebacks, rec->error.here);
		break;
	default:
		return false;
	}
	return needs->modules > defined->modules || needs->frames > defined->frames ||
	       needs->tracebacks > defined->tracebacks || needs->slots > defined->slots;
}

void mt_record_define(const struct mt_record *rec, struct mt_defined *defined)
{
	if (rec->kind == MT_RECORD_MODULE)
		raise_to(&defined->modules, rec->module.id);
	else if (rec->kind == MT_RECORD_FRAME)
		raise_to(&defined->frames, rec->frame.id);
	else if (rec->kind == MT_RECORD_TRACEBACK)
		raise_to(&defined->tracebacks, rec->traceback.id);
	else if (rec->kind == MT_RECORD_THREAD)
		raise_to(&defined->slots, rec->thread.slot + 1);
}
