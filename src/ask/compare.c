/* SPDX-License-Identifier: BSD-2-Clause */
/* Comparisons: an operator and values become tests of the subject's fields. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "ask/parse.h"

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
static bool own(struct sf_parser *parser, void *list, unsigned *count, void *item)
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

static unsigned no_value(struct sf_parser *parser, const char *what)
{
	if (parser->token.kind == SF_TOKEN_END)
		return sf_parse_fail(parser, &parser->token, "%s is missing here", what);
	return sf_parse_fail(parser, &parser->token, "'%.*s' is not %s", (int)parser->token.length,
		parser->token.text, what);
}

static const char *kind_of_value(const struct sf_subject *subject)
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
	default:
		return subject->port ? "a port" : "a number (10, 1.5k, 2M, 0x10)";
	}
}

/* A number of the subject's type. */
static bool number_of(
	const struct sf_subject *subject, const char *text, size_t length, uint64_t *number)
{
	uint8_t protocol;
	uint64_t mask;

	switch (subject->fields[0].type) {
	case SF_ASK_MAC:
		return sf_ask_parse_mac(text, length, number);
	case SF_ASK_FLAGS:
		return sf_ask_parse_flags(text, length, number, &mask);
	case SF_ASK_PROTOCOL:
		if (sf_ask_protocol_number(text, length, &protocol)) {
			*number = protocol;
			return true;
		}
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
static bool range_of(const struct sf_subject *subject, const struct sf_token *token, uint64_t *low,
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
static unsigned joined(
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
	return joined(parser, subject, nodes[0], nodes[1]);
}

/* ---------------------------------------------------------------- kinds of comparison */

static unsigned number_comparison(
	struct sf_parser *parser, const struct sf_subject *subject, enum comparison comparison)
{
	uint64_t low, high;

	if ((parser->token.kind != SF_TOKEN_WORD && parser->token.kind != SF_TOKEN_STRING) ||
		!range_of(subject, &parser->token, &low, &high))
		return no_value(parser, kind_of_value(subject));
	if (low != high && comparison != NONE && comparison != EQUAL && comparison != UNEQUAL)
		return sf_parse_fail(
			parser, &parser->token, "a range can only be compared with = or !=");
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
			return no_value(parser, kind_of_value(subject));
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

static unsigned net_comparison(struct sf_parser *parser, const struct sf_subject *subject)
{
	struct sf_network net;
	unsigned nodes[2] = { 0, 0 };

	if (parser->token.kind != SF_TOKEN_WORD ||
		!sf_ask_parse_net(parser->token.text, parser->token.length, &net))
		return no_value(parser, kind_of_value(subject));
	for (unsigned i = 0; i < subject->count; i++) {
		struct sf_test *test = sf_parse_test(parser, &nodes[i]);

		if (!test)
			return 0;
		test->kind = SF_TEST_NET;
		test->field = subject->fields[i];
		test->length = net.length;
		for (unsigned k = 0; k < net.length; k++) {
			unsigned bits = net.bits > 8 * k ? net.bits - 8 * k : 0;

			test->mask[k] = bits >= 8 ? 0xff : (uint8_t)(0xff00 >> bits);
			test->address[k] = net.address[k] & test->mask[k];
		}
	}
	sf_parse_next(parser);
	return joined(parser, subject, nodes[0], nodes[1]);
}

static unsigned flags_comparison(
	struct sf_parser *parser, const struct sf_subject *subject, enum comparison comparison)
{
	uint64_t bits, mask;
	struct sf_test *test;
	unsigned node;

	if (parser->token.kind != SF_TOKEN_WORD ||
		!sf_ask_parse_flags(parser->token.text, parser->token.length, &bits, &mask))
		return no_value(parser, kind_of_value(subject));
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

static bool set_regex(struct sf_parser *parser, struct sf_test *test, const char *text)
{
	regex_t *regex = malloc(sizeof(*regex));
	char reason[100];
	int code;

	if (!regex) {
		sf_parse_no_memory(parser);
		return false;
	}
	code = regcomp(regex, text, REG_EXTENDED | REG_ICASE | REG_NOSUB);
	if (code) {
		regerror(code, regex, reason, sizeof(reason));
		free(regex);
		sf_parse_fail(parser, &parser->token, "not a regular expression: %s", reason);
		return false;
	}
	if (!own(parser, &parser->where->regexes, &parser->where->regex_count, regex)) {
		regfree(regex);
		free(regex);
		return false;
	}
	test->regex = regex;
	return true;
}

static unsigned text_test(
	struct sf_parser *parser, const struct sf_ask_field *field, enum comparison comparison)
{
	bool match = comparison == MATCH || comparison == UNMATCH;
	struct sf_test *test;
	unsigned node;
	char *text = strndup(parser->token.text, parser->token.length);

	if (!text || !own(parser, &parser->where->texts, &parser->where->text_count, text)) {
		free(text);
		return sf_parse_no_memory(parser);
	}
	test = sf_parse_test(parser, &node);
	if (!test || (match && !set_regex(parser, test, text)))
		return 0;
	test->kind = match                                          ? SF_TEST_MATCH
		     : comparison == EQUAL || comparison == UNEQUAL ? SF_TEST_EQUAL
								    : SF_TEST_SUBTEXT;
	test->field = *field;
	test->text = text;
	test->text_length = parser->token.length;
	return node;
}

static unsigned text_comparison(
	struct sf_parser *parser, const struct sf_subject *subject, enum comparison comparison)
{
	unsigned nodes[2] = { 0, 0 };

	if (parser->token.kind != SF_TOKEN_WORD && parser->token.kind != SF_TOKEN_STRING)
		return no_value(parser, "a text");
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
	return joined(parser, subject, nodes[0], nodes[1]);
}

/* ---------------------------------------------------------------- sets */

static bool set_value(struct sf_ask_set *set, const struct sf_subject *subject,
	const struct sf_token *token, bool *valid)
{
	struct sf_network net;
	uint64_t low, high;

	if (subject->fields[0].type == SF_ASK_ADDRESS ||
		subject->fields[0].read == SF_READ_EXPORTER) {
		*valid = sf_ask_parse_net(token->text, token->length, &net);
		return !*valid || sf_ask_set_network(set, net.address, net.length, net.bits);
	}
	*valid = range_of(subject, token, &low, &high);
	if (*valid && subject->dscp) {
		low <<= 2;
		high = (high << 2) + 3;
	}
	return !*valid || sf_ask_set_numbers(set, low, high);
}

/* A value on each line or between commas; # begins a comment. */
static bool read_lines(struct sf_parser *parser, struct sf_ask_set *set,
	const struct sf_subject *subject, const char *text, const struct sf_token *path)
{
	unsigned line = 1;

	for (const char *p = text; *p;) {
		struct sf_token word = { .kind = SF_TOKEN_WORD, .text = p };
		bool valid;

		word.length = strcspn(p, " \t\r\n,;#");
		if (word.length == 0) {
			line += *p == '\n';
			p += *p == '#' ? strcspn(p, "\n") : 1;
			continue;
		}
		if (!set_value(set, subject, &word, &valid)) {
			sf_parse_no_memory(parser);
			return false;
		}
		if (!valid) {
			sf_parse_fail(parser, path, "line %u of the file: '%.*s' is not %s", line,
				(int)(word.length > 60 ? 60 : word.length), word.text,
				kind_of_value(subject));
			return false;
		}
		p += word.length;
	}
	return true;
}

static bool read_file(
	struct sf_parser *parser, struct sf_ask_set *set, const struct sf_subject *subject)
{
	struct sf_token token = parser->token;
	char *path = strndup(token.text, token.length), *text = NULL;
	struct sf_error error = { 0 };
	bool whole = false;
	int code;

	if (!path) {
		sf_parse_no_memory(parser);
	} else if (!parser->options->load) {
		sf_parse_fail(parser, &token, "files are not read here: write [ADDRESS, ...]");
	} else {
		code = parser->options->load(parser->options->context, path, &text, &error);
		if (code)
			sf_parse_fail(parser, &token, "%s", error.text);
		else
			whole = read_lines(parser, set, subject, text, &token);
	}
	free(path);
	free(text);
	sf_parse_next(parser);
	return whole;
}

static bool read_list(struct sf_parser *parser, struct sf_ask_set *set,
	const struct sf_subject *subject, const char *close)
{
	struct sf_token open = parser->token;

	for (sf_parse_next(parser); !sf_token_is(&parser->token, close); sf_parse_next(parser)) {
		bool valid;

		if (sf_token_is(&parser->token, ","))
			continue;
		if (parser->token.kind == SF_TOKEN_END) {
			sf_parse_fail(parser, &open, "this list is not closed with %s", close);
			return false;
		}
		if (!set_value(set, subject, &parser->token, &valid)) {
			sf_parse_no_memory(parser);
			return false;
		}
		if (!valid) {
			no_value(parser, kind_of_value(subject));
			return false;
		}
	}
	sf_parse_next(parser);
	return true;
}

/* The values of texts become one condition each. */
static unsigned text_list(
	struct sf_parser *parser, const struct sf_subject *subject, const char *close)
{
	struct sf_token open = parser->token;
	unsigned node = 0;

	sf_parse_next(parser);
	while (!parser->code && !sf_token_is(&parser->token, close)) {
		unsigned next;

		if (sf_token_is(&parser->token, ",")) {
			sf_parse_next(parser);
			continue;
		}
		if (parser->token.kind == SF_TOKEN_END)
			return sf_parse_fail(
				parser, &open, "this list is not closed with %s", close);
		next = text_comparison(parser, subject, EQUAL);
		node = node ? sf_parse_node(parser, SF_NODE_OR, node, next) : next;
	}
	if (!node)
		return sf_parse_fail(parser, &open, "this list is empty");
	sf_parse_next(parser);
	return node;
}

static const char *closing(const struct sf_token *token)
{
	static const char *const pairs[][2] = { { "[", "]" }, { "{", "}" }, { "(", ")" } };

	for (unsigned i = 0; i < 3; i++)
		if (sf_token_is(token, pairs[i][0]))
			return pairs[i][1];
	return NULL;
}

static unsigned set_nodes(
	struct sf_parser *parser, const struct sf_subject *subject, struct sf_ask_set *set)
{
	unsigned nodes[2] = { 0, 0 };

	for (unsigned i = 0; i < subject->count; i++) {
		struct sf_test *test = sf_parse_test(parser, &nodes[i]);

		if (!test)
			return 0;
		test->kind = SF_TEST_SET;
		test->field = subject->fields[i];
		test->set = set;
	}
	return joined(parser, subject, nodes[0], nodes[1]);
}

static struct sf_ask_set *new_set(struct sf_parser *parser)
{
	struct sf_ask_set *set = sf_ask_set_new();

	if (set && own(parser, &parser->where->sets, &parser->where->set_count, set))
		return set;
	sf_ask_set_free(set);
	sf_parse_no_memory(parser);
	return NULL;
}

/* "net private" */
static unsigned private_comparison(struct sf_parser *parser, const struct sf_subject *subject)
{
	struct sf_ask_set *set = new_set(parser);
	const struct sf_network *net = sf_private_networks;

	if (!set)
		return 0;
	for (; net < sf_private_networks + SF_PRIVATE_NETWORKS; net++)
		if (!sf_ask_set_network(set, net->address, net->length, net->bits))
			return sf_parse_no_memory(parser);
	sf_ask_set_sort(set);
	sf_parse_next(parser);
	return set_nodes(parser, subject, set);
}

static unsigned in_comparison(struct sf_parser *parser, const struct sf_subject *subject)
{
	const char *close = closing(&parser->token);
	unsigned type = subject->fields[0].type;
	struct sf_ask_set *set;
	struct sf_network net;
	bool filled;

	if (type == SF_ASK_TEXT && subject->fields[0].read != SF_READ_EXPORTER && close)
		return text_list(parser, subject, close);
	if (type == SF_ASK_TIME || type == SF_ASK_REAL || type == SF_ASK_FLAGS ||
		(type == SF_ASK_TEXT && subject->fields[0].read != SF_READ_EXPORTER))
		return sf_parse_fail(parser, &subject->word,
			"'in' is for addresses, ports and other "
			"numbers, and for lists of texts");
	if (type == SF_ASK_ADDRESS && !close && parser->token.kind == SF_TOKEN_WORD &&
		sf_ask_parse_net(parser->token.text, parser->token.length, &net))
		return net_comparison(parser, subject);
	if (!close && parser->token.kind != SF_TOKEN_WORD && parser->token.kind != SF_TOKEN_STRING)
		return no_value(parser, "a list [..] or the name of a file");
	set = new_set(parser);
	if (!set)
		return 0;
	filled = close ? read_list(parser, set, subject, close) : read_file(parser, set, subject);
	if (!filled)
		return 0;
	sf_ask_set_sort(set);
	return set_nodes(parser, subject, set);
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
		return net_comparison(parser, subject);
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
		return sf_token_is(&parser->token, "private") ? private_comparison(parser, subject)
							      : net_comparison(parser, subject);
	if (field->type == SF_ASK_FLAGS)
		return flags_comparison(parser, subject, comparison);
	if (field->type == SF_ASK_TIME)
		return time_comparison(parser, subject, comparison);
	return number_comparison(parser, subject, comparison);
}

unsigned sf_parse_comparison(struct sf_parser *parser, const struct sf_subject *subject)
{
	/* the subject may be that of the parser, which a value with a field of its own would change */
	const struct sf_subject kept = *subject;
	enum comparison comparison = take_operator(parser);
	unsigned node;

	if (comparison == IN)
		return in_comparison(parser, &kept);
	node = typed_comparison(parser, &kept, comparison);
	if (comparison == UNEQUAL || comparison == UNMATCH)
		node = sf_parse_node(parser, SF_NODE_NOT, node, 0);
	return node;
}
