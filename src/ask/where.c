/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compiling the tree of conditions, and running what comes of it. Every condition has two exits, to
 * another test or to the answer; `and`, `or` and `not` are nothing but exits. Example: a and (b or
 * not c):
 *
 *	0: a   true: 1     false: refuse
 *	1: b   true: take  false: 2
 *	2: c   true: refuse  false: take
 */
#include "ask/where.h"

#include <stdlib.h>
#include <string.h>

#include "ask/parse.h"
#include "base/branch.h"
#include "base/value.h"
#include "encode/fields.h"
#include "encode/single.h"

/* ---------------------------------------------------------------- compiling */

/*
 * The exit that leads into `node`, whose own exits are given. Long chains of and and or lean to the
 * left and are done in a loop; the depth of the rest is bounded by the parser.
 */
static unsigned link_node(struct sf_parser *parser, unsigned node, unsigned yes, unsigned no)
{
	for (;;) {
		const struct sf_node *n = &parser->nodes[node];

		if (n->kind == SF_NODE_TEST) {
			struct sf_test *test = &parser->where->tests[n->left - 1];

			test->on[true] = yes;
			test->on[false] = no;
			return n->left - 1 + SF_EXITS;
		}
		if (n->kind == SF_NODE_NOT) {
			unsigned swap = yes;

			yes = no;
			no = swap;
		} else if (n->kind == SF_NODE_AND) {
			yes = link_node(parser, n->right, yes, no);
		} else {
			no = link_node(parser, n->right, yes, no);
		}
		node = n->left;
	}
}

static int fail_early(struct sf_error *error, const char *text)
{
	return sf_error_set(error, SF_EUSAGE, "%s", text);
}

int sf_where_new(struct sf_where **where, const char *text, const struct sf_where_options *options,
	struct sf_error *error)
{
	struct sf_parser parser = { .text = text, .options = options, .error = error };
	unsigned root;

	if (strlen(text) > SF_WHERE_LENGTH_MAX)
		return fail_early(error,
			"the expression is longer than 64 KiB; put long lists into a "
			"file: ip in FILE");
	parser.where = calloc(1, sizeof(*parser.where));
	if (!parser.where)
		return sf_error_set(error, -ENOMEM, "no memory for the expression");
	parser.where->conversation = options->mode & SF_ASK_CONVERSATION;
	root = sf_parse_expression(&parser);
	if (root)
		parser.where->start = link_node(&parser, root, SF_EXIT_TRUE, SF_EXIT_FALSE);
	free(parser.nodes);
	if (!root) {
		sf_where_free(parser.where);
		return parser.code;
	}
	*where = parser.where;
	return 0;
}

void sf_where_free(struct sf_where *where)
{
	if (!where)
		return;
	for (unsigned i = 0; i < where->set_count; i++)
		sf_ask_set_free(where->sets[i]);
	for (unsigned i = 0; i < where->pattern_count; i++)
		sf_regex_free(where->patterns[i]);
	for (unsigned i = 0; i < where->text_count; i++)
		free(where->texts[i]);
	free(where->sets);
	free(where->patterns);
	free(where->texts);
	free(where->tests);
	free(where);
}

void sf_where_elements(const struct sf_where *where, struct sf_ask_elements *elements)
{
	for (unsigned i = 0; i < where->count; i++)
		if (where->tests[i].kind != SF_TEST_ANY)
			sf_ask_elements_add(elements, &where->tests[i].field,
				where->tests[i].kind != SF_TEST_PRESENT);
}

uint64_t sf_where_wants(const struct sf_where *where)
{
	uint64_t wants = 0;

	for (unsigned i = 0; i < where->count; i++) {
		const struct sf_ask_field *field = &where->tests[i].field;

		if (where->tests[i].kind == SF_TEST_ANY)
			continue;
		if (field->read == SF_READ_MAC || field->read == SF_READ_FLOW_LABEL)
			wants |= UINT64_C(1) << field->offset[0];
		else if (field->known == SF_KNOWN_ID)
			wants |= SF_WANTS_FLOW_ID;
		else if (field->read == SF_READ_FIELD)
			wants |= sf_field_row(field->offset[0])->facts;
	}
	return wants;
}

/* ---------------------------------------------------------------- running */

static bool in_net(const struct sf_test *test, const struct sf_ask_value *value)
{
	uint32_t narrow[3];
	uint64_t wide[6];

	/* a network is in another one with all of its addresses */
	if (value->length != test->length || value->bits < test->bits)
		return false;
	if (test->length == 4) {
		memcpy(&narrow[0], value->bytes, 4);
		memcpy(&narrow[1], test->mask, 4);
		memcpy(&narrow[2], test->address, 4);
		return (narrow[0] & narrow[1]) == narrow[2];
	}
	memcpy(wide, value->bytes, 16);
	memcpy(wide + 2, test->mask, 16);
	memcpy(wide + 4, test->address, 16);
	return (wide[0] & wide[2]) == wide[4] && (wide[1] & wide[3]) == wide[5];
}

static bool has_subtext(const struct sf_test *test, const char *text, size_t length)
{
	for (size_t i = 0; i + test->text_length <= length; i++)
		if (strncasecmp(text + i, test->text, test->text_length) == 0)
			return true;
	return false;
}

/* Texts end with their bytes or with the first NUL: some exporters pad fixed lengths. */
static bool text_meets(const struct sf_test *test, const struct sf_ask_value *value)
{
	char address[SF_VALUE_MAX], list[SF_VALUE_VARIABLE_MAX];
	const char *text = (const char *)value->bytes;
	size_t length = value->length;

	if (test->field.read == SF_READ_EXPORTER && value->number) {
		length = sf_value_write(value->length == 4 ? SF_TYPE_IPV4 : SF_TYPE_IPV6,
			SF_VALUE_TEXT, value->bytes, value->length, address, sizeof(address));
		text = address;
	}
	if (sf_ask_is_list(&test->field)) {
		length = sf_value_write(SF_TYPE_BASIC_LIST, SF_VALUE_TEXT, value->bytes,
			value->length, list, sizeof(list));
		text = list;
	}
	if (test->field.type == SF_ASK_OCTETS)
		return length == test->text_length && memcmp(text, test->text, length) == 0;
	length = strnlen(text, length);
	if (test->kind == SF_TEST_EQUAL)
		return length == test->text_length && strncasecmp(text, test->text, length) == 0;
	if (test->kind == SF_TEST_SUBTEXT)
		return has_subtext(test, text, length);
	return sf_regex_match(test->pattern, text, length);
}

static __attribute__((noinline)) bool meets_rare(
	const struct sf_test *test, const struct sf_ask_value *value)
{
	bool address = test->field.type == SF_ASK_ADDRESS || test->field.read == SF_READ_EXPORTER;

	switch (test->kind) {
	case SF_TEST_SET:
		return address ? sf_ask_set_has_network(
					 test->set, value->bytes, value->length, value->bits)
			       : sf_ask_set_has_number(test->set, value->number);
	case SF_TEST_EQUAL:
	case SF_TEST_SUBTEXT:
	case SF_TEST_MATCH:
		return text_meets(test, value);
	default: /* it is there */
		return true;
	}
}

/* An exporter that is known by the name of its file has no address. */
static bool comparable(const struct sf_test *test, const struct sf_ask_value *value)
{
	if (test->field.read == SF_READ_EXPORTER)
		return value->number || (test->kind != SF_TEST_NET && test->kind != SF_TEST_SET);
	/* of an element without a type, numbers are those of up to eight bytes */
	return test->field.type != SF_ASK_OCTETS || value->length <= 8 ||
	       (test->kind != SF_TEST_RANGE && test->kind != SF_TEST_SET);
}

static sf_always_inline bool meets(const struct sf_test *test, const struct sf_ask_row *row)
{
	struct sf_ask_value value;
	uint64_t number;

	if (test->kind == SF_TEST_ANY)
		return true;
	if (!sf_ask_read(&test->field, row, &value))
		return false;
	if (sf_unlikely(test->field.read >= SF_READ_EXPORTER) && !comparable(test, &value))
		return false;
	switch (test->kind) {
	case SF_TEST_RANGE:
		number = value.number;
		if (sf_unlikely(
			    test->field.type == SF_ASK_SIGNED || test->field.type == SF_ASK_REAL))
			number = sf_ask_ordered(test->field.type, number);
		return number - test->low <= test->span;
	case SF_TEST_NET:
		return in_net(test, &value);
	case SF_TEST_FLAGS:
		return (value.number & test->span) == test->low;
	default:
		return meets_rare(test, &value);
	}
}

bool sf_where_row(const struct sf_where *where, const struct sf_ask_row *row)
{
	unsigned exit = where->start;

	while (exit >= SF_EXITS) {
		const struct sf_test *test = &where->tests[exit - SF_EXITS];

		exit = test->on[meets(test, row)];
	}
	return exit == SF_EXIT_TRUE;
}

/* `row` but its direction. */
static unsigned choose_rows(const struct sf_where *where, struct sf_ask_row *row)
{
	unsigned directions = 0;

	if (where->conversation)
		return sf_where_row(where, row);
	for (row->d = 0; row->d < 2; row->d++)
		if (row->flow->directions >> row->d & 1)
			directions |= (unsigned)sf_where_row(where, row) << row->d;
	return directions;
}

/* Of a meter's flow, which needs room for values. */
static __attribute__((noinline)) unsigned choose_metered(
	const struct sf_where *where, const struct sf_flow *flow, const struct sf_extra *extra)
{
	uint8_t room[SF_FIELD_BYTES_MAX];
	struct sf_ask_row row = { .flow = flow, .extra = extra, .room = room };

	return choose_rows(where, &row);
}

unsigned sf_where_flow(
	const struct sf_where *where, const struct sf_flow *flow, const struct sf_collected *record)
{
	struct sf_ask_row row = { .flow = flow, .record = record };

	return record ? choose_rows(where, &row) : choose_metered(where, flow, NULL);
}

/* ---------------------------------------------------------------- as a chooser */

static unsigned choose(void *context, const struct sf_flow *flow, const struct sf_extra *extra,
	const struct sf_collected *record)
{
	const struct sf_where *where = context;
	unsigned directions =
		record ? sf_where_flow(where, flow, record) : choose_metered(where, flow, extra);

	return where->conversation && directions ? flow->directions : directions;
}

static void free_chooser(void *context)
{
	sf_where_free(context);
}

static bool looks_at_extra(const struct sf_where *where)
{
	for (unsigned i = 0; i < where->count; i++)
		if (where->tests[i].kind != SF_TEST_ANY &&
			where->tests[i].field.read >= SF_READ_EXTRA_AS)
			return true;
	return false;
}

int sf_where_chooser(struct sf_chooser *chooser, const char *text,
	const struct sf_where_options *options, struct sf_error *error)
{
	struct sf_where *where;
	int code = sf_where_new(&where, text, options, error);

	if (code == 0)
		*chooser = (struct sf_chooser){
			.choose = choose,
			.free = free_chooser,
			.context = where,
			.wants = sf_where_wants(where),
			.extra = looks_at_extra(where),
		};
	return code;
}
