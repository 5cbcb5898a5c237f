/*
 * table.c - see table.h. Outside.
 */
#include "tracer/analyze/table.h"

#include "tracer/analyze/statistic.h"
#include "tracer/analyze/vector.h"

#include <stdio.h>
#include <string.h>

static void table_deinit(struct mt_table *table)
{
	for (size_t i = 0; table->labels && i < table->row_count; i++)
		free(table->labels[i]);
	free(table->labels);
	free(table->sums);
	free(table->values);
}

void mt_report_deinit(struct mt_report *report)
{
	for (size_t i = 0; i < report->table_count; i++)
		table_deinit(&report->tables[i]);
	for (size_t i = 0; i < report->string_count; i++)
		free(report->strings[i]);
	free(report->tables);
	free(report->facts);
	free(report->strings);
	*report = (struct mt_report){0};
}

int mt_report_own(struct mt_report *report, char *string, struct mt_error *err)
{
	char **grown = mt_vector_reserve(report->strings, &report->string_capacity,
					 report->string_count + 1, sizeof *grown, err);
	if (!grown || !string) {
		free(string);
		return mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	}
	report->strings = grown;
	grown[report->string_count++] = string;
	return 0;
}

const char *mt_report_string(struct mt_report *report, const char *string,
			     struct mt_error *err)
{
	char *copy = strdup(string);
	return mt_report_own(report, copy, err) < 0 ? NULL : copy;
}

int mt_report_add_fact(struct mt_report *report, struct mt_fact fact,
		       struct mt_error *err)
{
	struct mt_fact *grown =
		mt_vector_reserve(report->facts, &report->fact_capacity,
				  report->fact_count + 1, sizeof *grown, err);
	if (!grown)
		return MT_ERR_NO_MEMORY;
	report->facts = grown;
	grown[report->fact_count++] = fact;
	return 0;
}

struct mt_table *mt_report_add_table(struct mt_report *report, const char *name,
				     const struct mt_column *columns, size_t column_count,
				     struct mt_error *err)
{
	struct mt_table *grown =
		mt_vector_reserve(report->tables, &report->table_capacity,
				  report->table_count + 1, sizeof *grown, err);
	if (!grown)
		return NULL;
	report->tables = grown;
	grown[report->table_count] = (struct mt_table){
		.name = name, .columns = columns, .column_count = column_count};
	return &grown[report->table_count++];
}

struct mt_value *mt_table_add_row(struct mt_table *table, struct mt_error *err)
{
	size_t first = table->row_count * table->column_count;
	struct mt_value *grown =
		mt_vector_reserve(table->values, &table->value_capacity,
				  first + table->column_count, sizeof *grown, err);
	if (!grown)
		return NULL;
	table->values = grown;
	memset(grown + first, 0, table->column_count * sizeof *grown);
	table->row_count++;
	return grown + first;
}

static int reserve_statistic(struct mt_table *table, struct mt_error *err)
{
	char **labels = mt_vector_reserve(table->labels, &table->label_capacity,
					  table->row_count + 1, sizeof *labels, err);
	if (!labels)
		return MT_ERR_NO_MEMORY;
	table->labels = labels;
	struct mt_sums *sums = mt_vector_reserve(table->sums, &table->sum_capacity,
						 table->row_count + 1, sizeof *sums, err);
	if (!sums)
		return MT_ERR_NO_MEMORY;
	table->sums = sums;
	return 0;
}

struct mt_value *mt_table_add_statistic(struct mt_table *table, char *label,
					struct mt_sums sums, struct mt_error *err)
{
	size_t row = table->row_count;
	struct mt_value *values = NULL;
	if (!label)
		mt_fail(err, MT_ERR_NO_MEMORY, "out of memory");
	else if (reserve_statistic(table, err) >= 0)
		values = mt_table_add_row(table, err);
	if (!values) {
		free(label);
		return NULL;
	}
	table->labels[row] = label;
	table->sums[row] = sums;
	return values;
}

char *mt_table_row_text(const struct mt_table *table, size_t row)
{
	const struct mt_sums *sums = &table->sums[row];
	char statistic[MT_STATISTIC_TEXT_BYTES];
	mt_statistic_text(statistic, sums->now, table->is_diff ? &sums->diff : NULL);
	char *text;
	if (asprintf(&text, "%s: %s", table->labels[row], statistic) < 0)
		return NULL;
	return text;
}
