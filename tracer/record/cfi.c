/*
 * cfi.c - find the description of a function in .eh_frame and run its program.
 * Inside the traced process.
 */
#include "tracer/record/cfi.h"

/* Pointer encodings. */
enum {
	ENC_ABSOLUTE = 0x00,
	ENC_ULEB = 0x01,
	ENC_UDATA2 = 0x02,
	ENC_UDATA4 = 0x03,
	ENC_UDATA8 = 0x04,
	ENC_SLEB = 0x09,
	ENC_SDATA2 = 0x0a,
	ENC_SDATA4 = 0x0b,
	ENC_SDATA8 = 0x0c,
	ENC_FORMAT = 0x0f,
	ENC_PCREL = 0x10,
	ENC_DATAREL = 0x30,
	ENC_BASE = 0x70,
	ENC_INDIRECT = 0x80,
	ENC_OMIT = 0xff,
	ENC_SORTED_TABLE = ENC_DATAREL | ENC_SDATA4,
};

/* Call frame instructions. */
enum {
	CFA_ADVANCE = 0x40, /* high two bits; the operand in the low six */
	CFA_OFFSET = 0x80,
	CFA_RESTORE = 0xc0,
	CFA_NOP = 0x00,
	CFA_SET_LOC = 0x01,
	CFA_ADVANCE1 = 0x02,
	CFA_ADVANCE2 = 0x03,
	CFA_ADVANCE4 = 0x04,
	CFA_OFFSET_EXTENDED = 0x05,
	CFA_RESTORE_EXTENDED = 0x06,
	CFA_UNDEFINED = 0x07,
	CFA_SAME = 0x08,
	CFA_REGISTER = 0x09,
	CFA_REMEMBER = 0x0a,
	CFA_RECALL = 0x0b,
	CFA_DEF_CFA = 0x0c,
	CFA_DEF_CFA_REGISTER = 0x0d,
	CFA_DEF_CFA_OFFSET = 0x0e,
	CFA_DEF_CFA_EXPRESSION = 0x0f,
	CFA_EXPRESSION = 0x10,
	CFA_OFFSET_EXTENDED_SF = 0x11,
	CFA_DEF_CFA_SF = 0x12,
	CFA_DEF_CFA_OFFSET_SF = 0x13,
	CFA_VAL_OFFSET = 0x14,
	CFA_VAL_OFFSET_SF = 0x15,
	CFA_VAL_EXPRESSION = 0x16,
	CFA_GNU_ARGS_SIZE = 0x2e,
	CFA_GNU_NEGATIVE_OFFSET = 0x2f,
};

/* What a CIE says about its FDEs. */
struct common {
	const uint8_t *program, *end;
	uint64_t code_align;
	int64_t data_align;
	uint8_t encoding;
	bool has_augmentation_data;
	bool is_signal_frame;
};

/* A running program. */
struct machine {
	struct mt_cfi *cfi;
	struct mt_cfi_row *row; /* of cfi->rows */
	const struct common *common;
	uintptr_t location, target;
};

uint64_t mt_cfi_uleb(const uint8_t **at)
{
	uint64_t value = 0;
	if (**at < 0x80)
		return *(*at)++;
	for (int shift = 0; shift < 64; shift += 7) {
		uint8_t byte = *(*at)++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			break;
	}
	return value;
}

int64_t mt_cfi_sleb(const uint8_t **at)
{
	uint64_t value = 0;
	for (int shift = 0; shift < 64;) {
		uint8_t byte = *(*at)++;
		value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
		if (byte & 0x80)
			continue;
		if (byte & 0x40 && shift < 64)
			value |= ~UINT64_C(0) << shift;
		break;
	}
	return (int64_t)value;
}

/* False: an encoding that we don't know. data: what ENC_DATAREL is relative to. */
static bool read_encoded(const uint8_t **at, uint8_t encoding, const uint8_t *data,
			 uintptr_t *value)
{
	const uint8_t *start = *at;
	static const struct {
		uint8_t bytes;
		bool is_signed;
	} formats[16] = {
		[ENC_ABSOLUTE] = {8, false}, [ENC_UDATA2] = {2, false},
		[ENC_UDATA4] = {4, false},   [ENC_UDATA8] = {8, false},
		[ENC_SDATA2] = {2, true},    [ENC_SDATA4] = {4, true},
		[ENC_SDATA8] = {8, true},
	};
	uint8_t format = encoding & ENC_FORMAT;
	uint8_t bytes = formats[format].bytes;
	if (format == ENC_ULEB) {
		*value = mt_cfi_uleb(at);
	} else if (format == ENC_SLEB) {
		*value = (uintptr_t)mt_cfi_sleb(at);
	} else if (bytes) {
		*value = mt_cfi_bytes(start, bytes);
		if (formats[format].is_signed && bytes < 8 && *value >> (8 * bytes - 1))
			*value |= ~UINT64_C(0) << (8 * bytes);
		*at += bytes;
	} else {
		return false;
	}
	if (!*value)
		return true; /* none, whatever it is relative to */
	if ((encoding & ENC_BASE) == ENC_PCREL)
		*value += (uintptr_t)start;
	else if ((encoding & ENC_BASE) == ENC_DATAREL)
		*value += (uintptr_t)data;
	else if (encoding & ENC_BASE)
		return false;
	if (encoding & ENC_INDIRECT)
		*value = *(const uintptr_t *)*value;
	return true;
}

/* An entry of .eh_frame: *at is moved to its id field; *end is past it. 0 at the end. */
static bool read_length(const uint8_t **at, const uint8_t **end)
{
	uint64_t length = mt_cfi_bytes(*at, 4);
	*at += 4;
	if (length == UINT32_MAX) {
		length = mt_cfi_bytes(*at, 8);
		*at += 8;
	}
	*end = *at + length;
	return length != 0;
}

static bool read_augmentation(struct common *common, const char *letters,
			      const uint8_t **at)
{
	if (*letters == 'z') {
		common->has_augmentation_data = true;
		mt_cfi_uleb(at);
		letters++;
	}
	for (; *letters; letters++) {
		uintptr_t ignored;
		if (*letters == 'R')
			common->encoding = *(*at)++;
		else if (*letters == 'S')
			common->is_signal_frame = true;
		else if (*letters == 'L')
			(*at)++;
		else if (*letters == 'P') {
			uint8_t encoding = *(*at)++;
			if (!read_encoded(at, encoding & ~ENC_INDIRECT & ~ENC_BASE, NULL,
					  &ignored))
				return false;
		} else {
			return false;
		}
	}
	return true;
}

static bool read_common(const uint8_t *at, struct common *common)
{
	*common = (struct common){.encoding = ENC_ABSOLUTE};
	if (!read_length(&at, &common->end) || mt_cfi_bytes(at, 4) != 0)
		return false;
	at += 4;
	uint8_t version = *at++;
	const char *letters = (const char *)at;
	while (*at++)
		;
	if (version == 4)
		at += 2; /* sizes of an address and of a segment selector */
	common->code_align = mt_cfi_uleb(&at);
	common->data_align = mt_cfi_sleb(&at);
	uint64_t return_register = version == 1 ? *at++ : mt_cfi_uleb(&at);
	const uint8_t *data = at;
	if (return_register != MT_REG_RA || !read_augmentation(common, letters, &at))
		return false;
	if (common->has_augmentation_data) {
		uint64_t length = mt_cfi_uleb(&data);
		at = data + length;
	}
	common->program = at;
	return true;
}

/* No memcpy: it may be an IFUNC that is not resolved yet. */
static void copy_row(struct mt_cfi_row *to, const struct mt_cfi_row *from)
{
	uint64_t *words = (uint64_t *)to;
	const uint64_t *source = (const uint64_t *)from;
	for (size_t i = 0; i < sizeof(*to) / sizeof(*words); i++) {
		words[i] = source[i];
		__asm__("" : "+r"(i));
	}
}

static void clear_row(struct mt_cfi_row *row)
{
	uint64_t *words = (uint64_t *)row;
	for (size_t i = 0; i < sizeof(*row) / sizeof(*words); i++) {
		words[i] = 0;
		__asm__("" : "+r"(i));
	}
}

static void set_register(struct machine *m, uint64_t number, enum mt_cfi_kind kind,
			 int64_t value)
{
	if (number < MT_REG_COUNT)
		m->row->registers[number] =
			(struct mt_cfi_rule){.kind = kind, .value = value};
}

static void restore_register(struct machine *m, uint64_t number)
{
	if (number < MT_REG_COUNT)
		m->row->registers[number] = m->cfi->initial.registers[number];
}

static void set_cfa(struct machine *m, uint32_t number, int64_t offset)
{
	m->row->cfa_kind = MT_CFI_VAL_OFFSET;
	m->row->cfa_register = number;
	m->row->cfa_value = offset;
}

/* One that we don't know stays one. */
static uint32_t read_register(const uint8_t **at)
{
	uint64_t number = mt_cfi_uleb(at);
	return number < MT_REG_COUNT ? (uint32_t)number : MT_REG_COUNT;
}

static const uint8_t *skip_block(const uint8_t *at)
{
	uint64_t length = mt_cfi_uleb(&at);
	return at + length;
}

/* Instructions about one register: operand number, then what. */
static bool run_register(struct machine *m, uint8_t op, const uint8_t **at)
{
	uint64_t number = mt_cfi_uleb(at);
	int64_t align = m->common->data_align;
	switch (op) {
	case CFA_OFFSET_EXTENDED:
		set_register(m, number, MT_CFI_OFFSET, (int64_t)mt_cfi_uleb(at) * align);
		return true;
	case CFA_OFFSET_EXTENDED_SF:
		set_register(m, number, MT_CFI_OFFSET, mt_cfi_sleb(at) * align);
		return true;
	case CFA_GNU_NEGATIVE_OFFSET:
		set_register(m, number, MT_CFI_OFFSET, -(int64_t)mt_cfi_uleb(at) * align);
		return true;
	case CFA_VAL_OFFSET:
		set_register(m, number, MT_CFI_VAL_OFFSET,
			     (int64_t)mt_cfi_uleb(at) * align);
		return true;
	case CFA_VAL_OFFSET_SF:
		set_register(m, number, MT_CFI_VAL_OFFSET, mt_cfi_sleb(at) * align);
		return true;
	case CFA_RESTORE_EXTENDED:
		restore_register(m, number);
		return true;
	case CFA_UNDEFINED:
		set_register(m, number, MT_CFI_UNDEFINED, 0);
		return true;
	case CFA_SAME:
		set_register(m, number, MT_CFI_SAME, 0);
		return true;
	case CFA_REGISTER:
		set_register(m, number, MT_CFI_REGISTER, (int64_t)mt_cfi_uleb(at));
		return true;
	case CFA_EXPRESSION:
	case CFA_VAL_EXPRESSION:
		set_register(m, number,
			     op == CFA_EXPRESSION ? MT_CFI_EXPRESSION
						  : MT_CFI_VAL_EXPRESSION,
			     (int64_t)(uintptr_t)*at);
		*at = skip_block(*at);
		return true;
	default:
		return false;
	}
}

static bool run_cfa(struct machine *m, uint8_t op, const uint8_t **at)
{
	struct mt_cfi_row *row = m->row;
	uint32_t number;
	switch (op) {
	case CFA_DEF_CFA:
		number = read_register(at);
		set_cfa(m, number, (int64_t)mt_cfi_uleb(at));
		return true;
	case CFA_DEF_CFA_SF:
		number = read_register(at);
		set_cfa(m, number, mt_cfi_sleb(at) * m->common->data_align);
		return true;
	case CFA_DEF_CFA_REGISTER:
		set_cfa(m, read_register(at), row->cfa_value);
		return true;
	case CFA_DEF_CFA_OFFSET_SF:
		set_cfa(m, row->cfa_register, mt_cfi_sleb(at) * m->common->data_align);
		return true;
	case CFA_DEF_CFA_EXPRESSION:
		row->cfa_kind = MT_CFI_EXPRESSION;
		row->cfa_value = (int64_t)(uintptr_t)*at;
		*at = skip_block(*at);
		return true;
	default:
		return run_register(m, op, at);
	}
}

static bool run_other(struct machine *m, uint8_t op, const uint8_t **at)
{
	uint64_t unit = m->common->code_align;
	uintptr_t location;
	switch (op) {
	case CFA_NOP:
		return true;
	case CFA_SET_LOC:
		if (!read_encoded(at, m->common->encoding, NULL, &location))
			return false;
		m->location = location;
		return true;
	case CFA_ADVANCE1:
	case CFA_ADVANCE2:
	case CFA_ADVANCE4: {
		int bytes = 1 << (op - CFA_ADVANCE1);
		m->location += mt_cfi_bytes(*at, bytes) * unit;
		*at += bytes;
		return true;
	}
	case CFA_GNU_ARGS_SIZE:
		mt_cfi_uleb(at);
		return true;
	default:
		return run_cfa(m, op, at);
	}
}

static bool remember_row(struct machine *m)
{
	if (m->row == &m->cfi->rows[MT_CFI_MAX_SAVED] || m->row == &m->cfi->initial)
		return false;
	copy_row(m->row + 1, m->row);
	m->row++;
	return true;
}

static bool recall_row(struct machine *m)
{
	if (m->row == m->cfi->rows || m->row == &m->cfi->initial)
		return false;
	m->row--;
	return true;
}

/*
 * Up to the target's row. False: an instruction that we don't know. Functions with many
 * returns have hundreds of instructions, nearly all of them of the kinds that are first here.
 */
static bool run(struct machine *m, const uint8_t *at, const uint8_t *end)
{
	const uint64_t unit = m->common->code_align;
	const uintptr_t target = m->target;
	while (at < end && m->location <= target) {
		uint8_t op = *at++;
		uint8_t operand = op & 0x3f;
		bool is_known = true;
		if (op & CFA_ADVANCE && op < CFA_OFFSET)
			m->location += operand * unit;
		else if (op == CFA_DEF_CFA_OFFSET)
			set_cfa(m, m->row->cfa_register, (int64_t)mt_cfi_uleb(&at));
		else if (op >= CFA_RESTORE)
			restore_register(m, operand);
		else if (op >= CFA_OFFSET)
			set_register(m, operand, MT_CFI_OFFSET,
				     (int64_t)mt_cfi_uleb(&at) * m->common->data_align);
		else if (op == CFA_REMEMBER)
			is_known = remember_row(m);
		else if (op == CFA_RECALL)
			is_known = recall_row(m);
		else
			is_known = run_other(m, op, &at);
		if (!is_known)
			return false;
	}
	return true;
}

/* The row of the FDE at fde, if it covers pc. */
static bool run_function(struct mt_cfi *cfi, const uint8_t *fde, uintptr_t pc)
{
	const uint8_t *end;
	if (!read_length(&fde, &end))
		return false;
	uint64_t back = mt_cfi_bytes(fde, 4);
	struct common common;
	if (!back || !read_common(fde - back, &common))
		return false;
	fde += 4;
	uintptr_t start, bytes;
	if (!read_encoded(&fde, common.encoding, NULL, &start) ||
	    !read_encoded(&fde, common.encoding & ENC_FORMAT, NULL, &bytes) ||
	    pc < start || pc - start >= bytes)
		return false;
	if (common.has_augmentation_data)
		fde = skip_block(fde);
	cfi->is_signal_frame = common.is_signal_frame;
	struct machine m = {.cfi = cfi,
			    .row = &cfi->initial,
			    .common = &common,
			    .target = UINTPTR_MAX};
	clear_row(&cfi->initial);
	if (!run(&m, common.program, common.end))
		return false;
	m.row = cfi->rows;
	copy_row(m.row, &cfi->initial);
	m.location = start;
	m.target = pc;
	bool is_known = run(&m, fde, end);
	cfi->row = m.row;
	return is_known;
}

/* Without a table: every entry in turn. */
static bool search_section(struct mt_cfi *cfi, const uint8_t *at, uintptr_t pc)
{
	const uint8_t *end;
	for (const uint8_t *entry = at; read_length(&at, &end); entry = at = end)
		if (mt_cfi_bytes(at, 4) && run_function(cfi, entry, pc))
			return true;
	return false;
}

struct table_entry {
	int32_t start, fde; /* from the header */
};

static bool search_table(struct mt_cfi *cfi, const uint8_t *header,
			 const struct table_entry *table, size_t count, uintptr_t pc)
{
	int64_t offset = (int64_t)(pc - (uintptr_t)header);
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (table[middle].start <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low && run_function(cfi, header + table[low - 1].fde, pc);
}

bool mt_cfi_find(struct mt_cfi *cfi, const uint8_t *header, uintptr_t pc)
{
	const uint8_t *at = header + 4;
	uintptr_t section, count;
	if (header[0] != 1 || header[1] == ENC_OMIT ||
	    !read_encoded(&at, header[1], header, &section))
		return false;
	if (header[2] == ENC_OMIT || header[3] != ENC_SORTED_TABLE ||
	    !read_encoded(&at, header[2], header, &count))
		return search_section(cfi, (const uint8_t *)section, pc);
	return search_table(cfi, header, (const struct table_entry *)at, count, pc);
}
