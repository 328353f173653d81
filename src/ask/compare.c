/* SPDX-License-Identifier: BSD-2-Clause */
/* Comparisons: an operator and values become tests of the subject's fields. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spanflow/tunnel.h>

#include "ask/compare.h"
#include "base/suggest.h"
#include "encode/single.h"

enum comparison {
	NONE,
	EQUAL,
	UNEQUAL,
	LESS,
	GREATER,
	LESS_EQUAL,
	GREATER_EQUAL,
	MATCH,
	UNMATCH,
	CONTAINS,
	IN
};

static enum comparison take_operator(struct sf_parser *parser)
{
	static const struct {
		const char *word;
		enum comparison comparison;
	} words[] = { { "=", EQUAL }, { "==", EQUAL }, { "eq", EQUAL }, { "!=", UNEQUAL },
		{ "ne", UNEQUAL }, { "<", LESS }, { "lt", LESS }, { ">", GREATER },
		{ "gt", GREATER }, { "<=", LESS_EQUAL }, { "le", LESS_EQUAL },
		{ ">=", GREATER_EQUAL }, { "ge", GREATER_EQUAL }, { "~", MATCH }, { "!~", UNMATCH },
		{ "contains", CONTAINS }, { "in", IN } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (sf_token_is(&parser->token, words[i].word)) {
			sf_parse_next(parser);
			return words[i].comparison;
		}
	return NONE;
}

/* Memory that the tests own is listed in the expression. */
bool sf_compare_own(struct sf_parser *parser, void *list, unsigned *count, void *item)
{
	void **lists = list, *grown = realloc(*lists, (*count + 1) * sizeof(void *));

	if (!grown) {
		sf_parse_no_memory(parser);
		return false;
	}
	*lists = grown;
	(*(void ***)list)[(*count)++] = item;
	return true;
}

/* ---------------------------------------------------------------- values of each type */

unsigned sf_compare_no_value(struct sf_parser *parser, const char *what)
{
	if (parser->token.kind == SF_TOKEN_END)
		return sf_parse_fail(parser, &parser->token, "%s is missing here", what);
	return sf_parse_fail(parser, &parser->token, "'%.*s' is not %s", (int)parser->token.length,
		parser->token.text, what);
}

#define X(id, name, text, mirrors) " " name
static const char a_kind_of_tunnel[] = "a kind of tunnel:" SF_TUNNEL_KINDS(X);
#undef X

const char *sf_compare_kind(const struct sf_subject *subject)
{
	switch (subject->fields[0].type) {
	case SF_ASK_DURATION:
		return "a duration (500ms, 10s, 5m, 2h)";
	case SF_ASK_TIME:
		return "a time (2025-11-20, 2025-11-20T08:00, today -2h)";
	case SF_ASK_ADDRESS:
		return "an address or a network";
	case SF_ASK_MAC:
		return "a MAC address";
	case SF_ASK_FLAGS:
		return "a set of TCP flags (F S R P A U E C; S/SA)";
	case SF_ASK_PROTOCOL:
		return "a protocol";
	case SF_ASK_TUNNEL:
		return a_kind_of_tunnel;
	case SF_ASK_OCTETS:
		if (sf_compare_is_octets(subject))
			return "octets (two hexadecimal digits for each: 030035)";
		return "a number (10, 1.5k, 2M, 0x10)";
	default:
		return subject->port ? "a port" : "a number (10, 1.5k, 2M, 0x10)";
	}
}

/* A number of the subject's type. */
static bool number_of(
	const struct sf_subject *subject, const char *text, size_t length, uint64_t *number)
{
	uint64_t mask;

	switch (subject->fields[0].type) {
	case SF_ASK_MAC:
		return sf_ask_parse_mac(text, length, number);
	case SF_ASK_FLAGS:
		return sf_ask_parse_flags(text, length, number, &mask);
	case SF_ASK_PROTOCOL:
	case SF_ASK_TUNNEL:
		if (sf_ask_named_number(subject->fields[0].type, text, length, number))
			return true;
		return sf_ask_parse_number(text, length, SF_ASK_NUMBER, number) && *number <= 255;
	default:
		if (subject->port)
			return sf_ask_parse_port(text, length, number);
		if (!sf_ask_parse_number(text, length, subject->fields[0].type, number))
			return false;
		return !subject->dscp || *number <= 63;
	}
}

/* "1000-2000", or one number. */
bool sf_compare_range(const struct sf_subject *subject, const struct sf_token *token, uint64_t *low,
	uint64_t *high)
{
	if (number_of(subject, token->text, token->length, low)) {
		*high = *low;
		return true;
	}
	for (size_t i = 1; i + 1 < token->length; i++)
		if (token->text[i] == '-' && number_of(subject, token->text, i, low) &&
			number_of(subject, token->text + i + 1, token->length - i - 1, high))
			return *low <= *high;
	return false;
}

/* The largest number that the field can have. */
static uint64_t most_of(const struct sf_ask_field *field)
{
	static const uint8_t octets[] = {
		[SF_READ_8] = 1,
		[SF_READ_16] = 2,
		[SF_READ_32] = 4,
		[SF_READ_PORT] = 2,
		[SF_READ_ICMP_TYPE] = 1,
		[SF_READ_ICMP_CODE] = 1,
		[SF_READ_ICMP] = 2,
		[SF_READ_EGRESS] = 4,
		[SF_READ_DIRECTION] = 1,
		[SF_READ_DOMAIN] = 4,
		[SF_READ_EXTRA_AS] = 4,
		[SF_READ_EXTRA_DIRECTION] = 1,
	};
	static const uint8_t of_types[] = {
		[SF_TYPE_U8] = 1, [SF_TYPE_U16] = 2, [SF_TYPE_U32] = 4, [SF_TYPE_BOOLEAN] = 1
	};
	unsigned count = 0;

	if (field->read == SF_READ_ELEMENT || field->read == SF_READ_FIELD)
		count = field->wire_type < sizeof(of_types) ? of_types[field->wire_type] : 0;
	else if (field->read < sizeof(octets))
		count = octets[field->read];
	return count ? (UINT64_C(1) << 8 * count) - 1 : UINT64_MAX;
}

/* A test of one field for a range of values in the order of their type; empty: never true. */
static unsigned range_node(struct sf_parser *parser, const struct sf_ask_field *field, uint64_t low,
	uint64_t high, bool empty)
{
	unsigned node;
	struct sf_test *test = sf_parse_test(parser, &node);

	if (!test)
		return 0;
	if (empty) {
		test->kind = SF_TEST_ANY;
		return sf_parse_node(parser, SF_NODE_NOT, node, 0);
	}
	test->kind = SF_TEST_RANGE;
	test->field = *field;
	test->low = low;
	test->span = high - low;
	return node;
}

/* What an operator makes of the values first … last. */
static unsigned ordered_node(struct sf_parser *parser, const struct sf_ask_field *field,
	enum comparison comparison, uint64_t first, uint64_t last)
{
	first = sf_ask_ordered(field->type, first);
	last = sf_ask_ordered(field->type, last);
	switch (comparison) {
	case LESS:
		return range_node(parser, field, 0, first - 1, first == 0);
	case LESS_EQUAL:
		return range_node(parser, field, 0, first, false);
	case GREATER:
		return range_node(parser, field, first + 1, UINT64_MAX, first == UINT64_MAX);
	case GREATER_EQUAL:
		return range_node(parser, field, first, UINT64_MAX, false);
	default:
		return range_node(parser, field, first, last, false);
	}
}

/* A test for each field of the subject, joined as the subject says. `make`: 0 after an error. */
unsigned sf_compare_joined(
	struct sf_parser *parser, const struct sf_subject *subject, unsigned first, unsigned second)
{
	if (subject->count == 1)
		return first;
	return second ? sf_parse_node(
				parser, subject->all ? SF_NODE_AND : SF_NODE_OR, first, second)
		      : 0;
}

static unsigned ordered_nodes(struct sf_parser *parser, const struct sf_subject *subject,
	enum comparison comparison, uint64_t first, uint64_t last)
{
	unsigned nodes[2] = { 0, 0 };

	for (unsigned i = 0; i < subject->count; i++)
		nodes[i] = ordered_node(parser, &subject->fields[i], comparison, first, last);
	return sf_compare_joined(parser, subject, nodes[0], nodes[1]);
}

/* ---------------------------------------------------------------- kinds of comparison */

static unsigned number_comparison(
	struct sf_parser *parser, const struct sf_subject *subject, enum comparison comparison)
{
	uint64_t low, high;

	if ((parser->token.kind != SF_TOKEN_WORD && parser->token.kind != SF_TOKEN_STRING) ||
		!sf_compare_range(subject, &parser->token, &low, &high))
		return sf_compare_no_value(parser, sf_compare_kind(subject));
	if (low != high && comparison != NONE && comparison != EQUAL && comparison != UNEQUAL)
		return sf_parse_fail(
			parser, &parser->token, "a range can only be compared with = or !=");
	if (comparison != LESS && comparison != LESS_EQUAL && comparison != UNEQUAL &&
		low + (comparison == GREATER && low < UINT64_MAX) > most_of(&subject->fields[0]))
		return sf_parse_fail(parser, &parser->token, "'%.*s' is %" PRIu64 " at most",
			(int)subject->word.length, subject->word.text,
			most_of(&subject->fields[0]));
	if (comparison == LESS && low == 0 && subject->fields[0].type != SF_ASK_SIGNED &&
		subject->fields[0].type != SF_ASK_REAL)
		return sf_parse_fail(parser, &parser->token, "nothing is less than 0");
	if (subject->dscp) {
		low <<= 2;
		high = (high << 2) + 3;
		/* > and <= count from the end of what shares the six bits */
		if (comparison == GREATER || comparison == LESS_EQUAL)
			low += 3;
	}
	sf_parse_next(parser);
	return ordered_nodes(parser, subject, comparison, low, high);
}

static unsigned time_comparison(
	struct sf_parser *parser, const struct sf_subject *subject, enum comparison comparison)
{
	struct sf_token clock;
	int64_t first = parser->options->now_ns, last = first, offset;
	size_t length = parser->token.length;
	bool relative = sf_ask_parse_offset(parser->token.text, length, &offset);

	sf_parse_peek(parser, &clock);
	/* 2025-11-20 08:00 */
	if (clock.kind == SF_TOKEN_WORD && clock.length >= 5 && clock.text[2] == ':' &&
		clock.start == parser->token.end + 1) {
		length = clock.end - parser->token.start;
		sf_parse_next(parser);
		parser->token.text -= length - parser->token.length;
		parser->token.length = length;
	}
	if (!relative &&
		!sf_ask_parse_time(parser->token.text, length, parser->options, &first, &last)) {
		/* now-2h, today-2h */
		size_t word = 0;

		while (word < length && isalpha((unsigned char)parser->token.text[word]))
			word++;
		if (word == length ||
			!sf_ask_parse_offset(parser->token.text + word, length - word, &offset) ||
			!sf_ask_parse_time(
				parser->token.text, word, parser->options, &first, &last))
			return sf_compare_no_value(parser, sf_compare_kind(subject));
		first = last = first + offset;
	} else if (relative) {
		first = last = first + offset;
	}
	sf_parse_next(parser);
	while (parser->token.kind == SF_TOKEN_WORD &&
		sf_ask_parse_offset(parser->token.text, parser->token.length, &offset)) {
		first = last = first + offset;
		sf_parse_next(parser);
	}
	return ordered_nodes(parser, subject, comparison, (uint64_t)first, (uint64_t)last);
}

unsigned sf_compare_net(struct sf_parser *parser, const struct sf_subject *subject)
{
	struct sf_network net;
	unsigned nodes[2] = { 0, 0 };

	if (parser->token.kind != SF_TOKEN_WORD ||
		!sf_ask_parse_net(parser->token.text, parser->token.length, &net))
		return sf_compare_no_value(parser, sf_compare_kind(subject));
	for (unsigned i = 0; i < subject->count; i++) {
		struct sf_test *test = sf_parse_test(parser, &nodes[i]);

		if (!test)
			return 0;
		test->kind = SF_TEST_NET;
		test->field = subject->fields[i];
		test->length = net.length;
		test->bits = net.bits;
		for (unsigned k = 0; k < net.length; k++) {
			unsigned bits = net.bits > 8 * k ? net.bits - 8 * k : 0;

			test->mask[k] = bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);
			test->address[k] = net.address[k] & test->mask[k];
		}
	}
	sf_parse_next(parser);
	return sf_compare_joined(parser, subject, nodes[0], nodes[1]);
}

static unsigned flags_comparison(
	struct sf_parser *parser, const struct sf_subject *subject, enum comparison comparison)
{
	uint64_t bits, mask;
	struct sf_test *test;
	unsigned node;

	if (parser->token.kind != SF_TOKEN_WORD ||
		!sf_ask_parse_flags(parser->token.text, parser->token.length, &bits, &mask))
		return sf_compare_no_value(parser, sf_compare_kind(subject));
	if (comparison != NONE && comparison != EQUAL && comparison != UNEQUAL)
		return number_comparison(parser, subject, comparison);
	if (comparison != NONE && !memchr(parser->token.text, '/', parser->token.length))
		mask = 0xfff;
	test = sf_parse_test(parser, &node);
	if (!test)
		return 0;
	test->kind = SF_TEST_FLAGS;
	test->field = subject->fields[0];
	test->low = bits;
	test->span = mask;
	sf_parse_next(parser);
	return node;
}

static bool set_pattern(struct sf_parser *parser, struct sf_test *test, const char *text)
{
	struct sf_regex *pattern;
	const char *reason;
	int code = sf_regex_new(&pattern, text, &reason);

	if (code == SF_EUSAGE)
		sf_parse_fail(parser, &parser->token, "not a regular expression: %s", reason);
	else if (code)
		sf_parse_no_memory(parser);
	if (code)
		return false;
	if (!sf_compare_own(
		    parser, &parser->where->patterns, &parser->where->pattern_count, pattern)) {
		sf_regex_free(pattern);
		return false;
	}
	test->pattern = pattern;
	return true;
}

/* Tells that no application has the name, or the part of one, and the nearest one that some has. */
static void check_application(const struct sf_parser *parser, const char *name, bool part)
{
	const struct sf_where_options *options = parser->options;
	const char *known, *near;
	char text[200];

	for (unsigned i = 0; (known = sf_field_application_name(options->applications, i)); i++)
		if (part ? strcasestr(known, name) != NULL : strcasecmp(known, name) == 0)
			return;
	near = sf_suggest(name, sf_field_application_name, options->applications);
	snprintf(text, sizeof(text), "no application is called '%.64s'%s%s%s", name,
		near ? "; did you mean '"
		: options->applications
			? ""
			: ": without --applications ndpi there are dns, tls, quic, http and ssh",
		near ? near : "", near ? "'?" : "");
	options->remark(options->remark_context, text);
}

static bool is_application(const struct sf_ask_field *field)
{
	return field->element[0] && strcmp(field->element[0], "applicationName") == 0;
}

static unsigned text_test(
	struct sf_parser *parser, const struct sf_ask_field *field, enum comparison comparison)
{
	bool match = comparison == MATCH || comparison == UNMATCH;
	struct sf_test *test;
	unsigned node;
	char *text = strndup(parser->token.text, parser->token.length);

	if (!text ||
		!sf_compare_own(parser, &parser->where->texts, &parser->where->text_count, text)) {
		free(text);
		return sf_parse_no_memory(parser);
	}
	test = sf_parse_test(parser, &node);
	if (!test || (match && !set_pattern(parser, test, text)))
		return 0;
	test->kind = match                                          ? SF_TEST_MATCH
		     : comparison == EQUAL || comparison == UNEQUAL ? SF_TEST_EQUAL
								    : SF_TEST_SUBTEXT;
	test->field = *field;
	test->text = text;
	test->text_length = parser->token.length;
	if (!match && parser->options->remark && is_application(field))
		check_application(parser, text, test->kind == SF_TEST_SUBTEXT);
	return node;
}

static unsigned text_comparison(
	struct sf_parser *parser, const struct sf_subject *subject, enum comparison comparison)
{
	unsigned nodes[2] = { 0, 0 };

	if (parser->token.kind != SF_TOKEN_WORD && parser->token.kind != SF_TOKEN_STRING)
		return sf_compare_no_value(parser, "a text");
	if (comparison == LESS || comparison == GREATER || comparison == LESS_EQUAL ||
		comparison == GREATER_EQUAL)
		return sf_parse_fail(parser, &parser->token,
			"texts are compared with =, !=, contains, ~ and !~");
	for (unsigned i = 0; i < subject->count; i++) {
		nodes[i] = text_test(parser, &subject->fields[i], comparison);
		if (!nodes[i])
			return 0;
	}
	sf_parse_next(parser);
	return sf_compare_joined(parser, subject, nodes[0], nodes[1]);
}

/*
 * An element that is known to be octets, which are printed as hexadecimal
 * digits; others may be numbers.
 */
bool sf_compare_is_octets(const struct sf_subject *subject)
{
	return subject->fields[0].type == SF_ASK_OCTETS && subject->fields[0].element[0];
}

static unsigned octets_comparison(
	struct sf_parser *parser, const struct sf_subject *subject, enum comparison comparison)
{
	struct sf_test *test;
	unsigned node;
	char *octets;

	if (comparison != NONE && comparison != EQUAL && comparison != UNEQUAL)
		return sf_parse_fail(
			parser, &subject->word, "octets are compared with =, != and in");
	octets = malloc(parser->token.length + 1);
	if (!octets || !sf_compare_own(
			       parser, &parser->where->texts, &parser->where->text_count, octets)) {
		free(octets);
		return sf_parse_no_memory(parser);
	}
	test = sf_parse_test(parser, &node);
	if (!test)
		return 0;
	if ((parser->token.kind != SF_TOKEN_WORD && parser->token.kind != SF_TOKEN_STRING) ||
		!sf_ask_parse_octets(parser->token.text, parser->token.length, (uint8_t *)octets,
			&test->text_length))
		return sf_compare_no_value(parser, sf_compare_kind(subject));
	test->kind = SF_TEST_EQUAL;
	test->field = subject->fields[0];
	test->text = octets;
	sf_parse_next(parser);
	return node;
}

unsigned sf_compare_same_text(struct sf_parser *parser, const struct sf_subject *subject)
{
	return sf_compare_is_octets(subject) ? octets_comparison(parser, subject, EQUAL)
					     : text_comparison(parser, subject, EQUAL);
}

/* ---------------------------------------------------------------- any comparison */

static unsigned typed_comparison(
	struct sf_parser *parser, const struct sf_subject *subject, enum comparison comparison)
{
	const struct sf_ask_field *field = &subject->fields[0];
	bool textual = comparison == MATCH || comparison == UNMATCH || comparison == CONTAINS;
	struct sf_network net;

	if (field->read == SF_READ_EXPORTER && !textual && parser->token.kind == SF_TOKEN_WORD &&
		sf_ask_parse_net(parser->token.text, parser->token.length, &net))
		return sf_compare_net(parser, subject);
	if (field->type == SF_ASK_TEXT)
		return text_comparison(parser, subject, comparison);
	if (textual)
		return sf_parse_fail(
			parser, &subject->word, "~ and contains are for texts, which this is not");
	if (field->type == SF_ASK_ADDRESS && comparison != NONE && comparison != EQUAL &&
		comparison != UNEQUAL)
		return sf_parse_fail(
			parser, &subject->word, "addresses are compared with =, != and in");
	if (field->type == SF_ASK_ADDRESS)
		return sf_token_is(&parser->token, "private") ? sf_compare_private(parser, subject)
							      : sf_compare_net(parser, subject);
	if (field->type == SF_ASK_FLAGS)
		return flags_comparison(parser, subject, comparison);
	if (field->type == SF_ASK_TIME)
		return time_comparison(parser, subject, comparison);
	if (sf_compare_is_octets(subject))
		return octets_comparison(parser, subject, comparison);
	return number_comparison(parser, subject, comparison);
}

unsigned sf_parse_comparison(struct sf_parser *parser, const struct sf_subject *subject)
{
	/*
	 * the subject may be that of the parser, which a value with
	 * a field of its own would change
	 */
	const struct sf_subject kept = *subject;
	enum comparison comparison = take_operator(parser);
	unsigned node;

	if (comparison == IN)
		return sf_compare_in(parser, &kept);
	node = typed_comparison(parser, &kept, comparison);
	if (comparison == UNEQUAL || comparison == UNMATCH)
		node = sf_parse_node(parser, SF_NODE_NOT, node, 0);
	return node;
}
