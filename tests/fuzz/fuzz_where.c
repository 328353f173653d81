/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Expressions of --where: the first octet chooses the mode, the rest is the expression. What compiles
 * is asked of two flows; what does not has a reason.
 */
#include <stdlib.h>
#include <string.h>

#include "ask/where.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int load(void *context, const char *path, char **text, struct sf_error *error)
{
	(void)path;
	*text = strdup(context);
	return *text ? 0 : sf_error_set(error, -ENOMEM, "no memory");
}

static void ask(const struct sf_where *where)
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

	sf_where_flow(where, &record.flow, &record);
	sf_where_flow(where, &flow, NULL);
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
	code = sf_where_new(&where, text, &options, &error);
	if (code == 0) {
		ask(where);
		sf_where_free(where);
	} else if (code != error.code || !error.text[0]) {
		abort();
	}
	free(text);
	return 0;
}
