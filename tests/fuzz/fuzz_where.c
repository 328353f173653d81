/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Expressions of --where, or groups (the first octet's bit 4): the first octet chooses the mode
 * too, the rest is the expression, or lines of --by, --sum, --sort, --columns and --having. What
 * compiles is asked of two flows and answered in all forms; what does not has a reason.
 */
#include <stdlib.h>
#include <string.h>

#include "ask/answer.h"
#include "ask/where.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int load(void *context, const char *path, char **text, struct sf_error *error)
{
	(void)path;
	*text = strdup(context);
	return *text ? 0 : sf_error_set(error, -ENOMEM, "no memory");
}

static void answer(struct sf_groups *groups)
{
	char *line = malloc(SF_ANSWER_ROW_MAX);
	struct sf_answer_table table;
	struct sf_error error = { 0 };

	if (!line || sf_groups_sort(groups, &error))
		abort();
	sf_answer_csv_header(groups, line);
	sf_answer_table_init(&table, groups, 60);
	sf_answer_table_header(&table, line);
	for (size_t i = 0; i < sf_groups_shown(groups); i++) {
		sf_answer_csv(groups, i, line);
		sf_answer_json(groups, i, line);
		sf_answer_table_row(&table, i, line);
	}
	sf_answer_table_footer(&table, line);
	free(line);
}

/* NULL for an empty line, which is an option that is not given. */
static const char *next_line(char **text)
{
	const char *line = strsep(text, "\n");

	return line && *line ? line : NULL;
}

static void ask_groups(
	char *text, unsigned mode, const struct sf_collected *record, const struct sf_flow *flow)
{
	struct sf_groups_options options = { .mode = mode,
		.every_ns = mode & 1 ? 1000000 : 0,
		.spread = mode & 2,
		.share = mode & 1,
		.top = mode & 2 };
	struct sf_error error = { 0 };
	struct sf_groups *groups;
	int code;

	options.by = next_line(&text);
	options.sum = next_line(&text);
	options.sort = next_line(&text);
	options.columns = next_line(&text);
	options.having = next_line(&text);
	code = sf_groups_new(&groups, &options, &error);
	if (code && (code != error.code || !error.text[0]))
		abort();
	if (code)
		return;
	if (sf_groups_flow(groups, &record->flow, record, 3, &error) ||
		sf_groups_flow(groups, flow, NULL, 1, &error))
		abort();
	answer(groups);
	sf_groups_free(groups);
}

/* The expression, or groups where it is NULL. */
static void ask(const struct sf_where *where, char *text, unsigned mode)
{
	static const uint8_t octets[] = "\1\2\3\4\5\6\7\10", name[] = "www.example.org";
	const struct sf_field_value fields[] = { { 0, 16, 4, octets }, { 0, 460, 15, name },
		{ 0, 434, 3, octets }, { 0, 130, 4, octets }, { 77, 5, 0, octets } };
	struct sf_collected record = { .exporter = "file",
		.fields = fields,
		.field_count = 5,
		.flow = { .ip_version = 4, .protocol = 6, .directions = 3 },
		.known = { ~0u, 0xff } };
	struct sf_flow flow = { .ip_version = 6, .protocol = 58, .directions = 1, .has = 0xff };

	if (where) {
		sf_where_flow(where, &record.flow, &record);
		sf_where_flow(where, &flow, NULL);
	} else {
		ask_groups(text, mode, &record, &flow);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sf_where_options options = { .now_ns = INT64_C(1763650800000000000),
		.load = load,
		.context = (char[]){ "1 2-3 10.0.0.0/8\n2001:db8::/32 # x\n" } };
	struct sf_error error = { 0 };
	struct sf_where *where;
	char *text;
	int code;

	if (size < 1)
		return 0;
	text = malloc(size);
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	options.mode = data[0] & (SF_ASK_CONVERSATION | SF_ASK_METERED);
	if (data[0] & 4) {
		ask(NULL, text, options.mode);
		free(text);
		return 0;
	}
	code = sf_where_new(&where, text, &options, &error);
	if (code == 0) {
		ask(where, text, options.mode);
		sf_where_free(where);
	} else if (code != error.code || !error.text[0]) {
		abort();
	}
	free(text);
	return 0;
}
