/* SPDX-License-Identifier: BSD-2-Clause */
/* Conditions and how they are joined: see the grammar in where.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask/parse.h"
#include "base/suggest.h"

#define EXCERPT 96 /* bytes of the expression in a message */

/* ---------------------------------------------------------------- errors */

/* The expression around the token, and a line that marks the token. */
static void mark(
	const struct sf_parser *parser, const struct sf_token *token, char *out, size_t size)
{
	size_t length = strlen(parser->text), from = 0, end, width;
	char line[EXCERPT + 1], below[2 * EXCERPT + 1];

	if (token->start > EXCERPT * 2 / 3)
		from = token->start - EXCERPT / 2;
	end = length - from > EXCERPT ? from + EXCERPT : length;
	for (size_t i = from; i < end; i++)
		line[i - from] = (unsigned char)parser->text[i] < ' ' ? ' ' : parser->text[i];
	line[end - from] = '\0';
	width = token->end > token->start ? token->end - token->start : 1;
	if (token->start + width > from + EXCERPT)
		width = from + EXCERPT > token->start ? from + EXCERPT - token->start : 1;
	memset(below, ' ', token->start - from);
	memset(below + (token->start - from), '~', width);
	below[token->start - from] = '^';
	below[token->start - from + width] = '\0';
	snprintf(out, size, "\n  %s%s%s\n  %s%s", from ? "..." : "", line,
		end < length ? "..." : "", from ? "   " : "", below);
}

unsigned sf_parse_fail(
	struct sf_parser *parser, const struct sf_token *token, const char *format, ...)
{
	char message[240], marked[3 * EXCERPT + 40];
	va_list arguments;

	if (parser->code)
		return 0;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	mark(parser, token, marked, sizeof(marked));
	parser->code = sf_error_set(parser->error, SF_EUSAGE, "%s%s", message, marked);
	return 0;
}

unsigned sf_parse_no_memory(struct sf_parser *parser)
{
	if (!parser->code)
		parser->code = sf_error_set(parser->error, -ENOMEM, "no memory for the expression");
	return 0;
}

/* ---------------------------------------------------------------- tokens and nodes */

void sf_parse_peek(const struct sf_parser *parser, struct sf_token *token)
{
	sf_token_read(token, parser->text, parser->token.end);
}

void sf_parse_next(struct sf_parser *parser)
{
	sf_token_read(&parser->token, parser->text, parser->token.end);
	if (parser->token.kind == SF_TOKEN_BAD)
		sf_parse_fail(parser, &parser->token,
			parser->text[parser->token.start] == '"' ||
					parser->text[parser->token.start] == '\''
				? "this quote is not closed"
				: "this character means nothing here");
}

static bool accept_word(struct sf_parser *parser, const char *word)
{
	if (!sf_token_is(&parser->token, word))
		return false;
	sf_parse_next(parser);
	return true;
}

unsigned sf_parse_node(
	struct sf_parser *parser, enum sf_node_kind kind, unsigned left, unsigned right)
{
	if (parser->code || !left)
		return 0;
	if (parser->node_count + 1 >= parser->node_room) {
		unsigned room = parser->node_room ? 2 * parser->node_room : 32;
		struct sf_node *nodes = realloc(parser->nodes, room * sizeof(*nodes));

		if (!nodes)
			return sf_parse_no_memory(parser);
		parser->nodes = nodes;
		parser->node_room = room;
	}
	parser->nodes[++parser->node_count] = (struct sf_node){ kind, left, right };
	return parser->node_count;
}

struct sf_test *sf_parse_test(struct sf_parser *parser, unsigned *node)
{
	struct sf_where *where = parser->where;

	if (where->count == parser->test_room) {
		unsigned room = parser->test_room ? 2 * parser->test_room : 8;
		struct sf_test *tests = realloc(where->tests, room * sizeof(*tests));

		if (!tests) {
			sf_parse_no_memory(parser);
			return NULL;
		}
		where->tests = tests;
		parser->test_room = room;
	}
	memset(&where->tests[where->count], 0, sizeof(where->tests[0]));
	/* a test's number plus one: a node without a left part is none */
	*node = sf_parse_node(parser, SF_NODE_TEST, where->count + 1, 0);
	return *node ? &where->tests[where->count++] : NULL;
}

/* ---------------------------------------------------------------- subjects */

static bool find_field(struct sf_parser *parser, struct sf_ask_field *field, const char *name)
{
	struct sf_error error = { 0 };

	if (sf_ask_field_find(field, name, parser->options->mode, &error) == 0)
		return true;
	sf_parse_fail(parser, &parser->subject.word, "%s", error.text);
	return false;
}

static const struct sf_ask_noun nouns[] = {
	{ "host", { "src", "dst" } },
	{ "ip", { "src", "dst" } },
	{ "addr", { "src", "dst" } },
	{ "net", { "src", "dst" } },
	{ "port", { "sport", "dport" }, .port = true },
	{ "portrange", { "sport", "dport" }, .port = true },
	{ "as", { "srcas", "dstas" } },
	{ "country", { "srccountry", "dstcountry" } },
	{ "mac", { "smac", "dmac" } },
	{ "ether", { "smac", "dmac" } },
	{ "if", { "in-if", "out-if" }, .interface = true },
};

const struct sf_ask_noun *sf_ask_noun_find(const char *word)
{
	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++)
		if (strcmp(nouns[i].word, word) == 0)
			return &nouns[i];
	return NULL;
}

static const struct sf_ask_noun *find_noun(const struct sf_token *token)
{
	for (size_t i = 0; i < sizeof(nouns) / sizeof(nouns[0]); i++)
		if (sf_token_is(token, nouns[i].word))
			return &nouns[i];
	return NULL;
}

enum side { SIDE_SOURCE, SIDE_DESTINATION, SIDE_EITHER, SIDE_BOTH };

static bool take_noun(struct sf_parser *parser, const struct sf_ask_noun *noun, enum side side)
{
	struct sf_subject *subject = &parser->subject;

	*subject = (struct sf_subject){ .port = noun->port, .word = parser->token };
	subject->all = side == SIDE_BOTH;
	for (unsigned i = 0; i < 2; i++)
		if (side != (i ? SIDE_SOURCE : SIDE_DESTINATION) &&
			!find_field(parser, &subject->fields[subject->count++], noun->fields[i]))
			return false;
	parser->has_subject = true;
	return true;
}

/* Does the token begin an address, or stand for some? */
static bool is_net(const struct sf_token *token)
{
	struct sf_network net;

	if (sf_token_is(token, "private"))
		return true;
	return token->kind == SF_TOKEN_WORD && token->length > 1 &&
	       (memchr(token->text, '.', token->length) ||
		       memchr(token->text, ':', token->length)) &&
	       sf_ask_parse_net(token->text, token->length, &net);
}

/* A name where an address could stand is that of an HTTP host. */
static bool is_host_name(const struct sf_parser *parser, const struct sf_token *token)
{
	struct sf_token value;

	if (sf_token_is(token, "=") || sf_token_is(token, "!=") || sf_token_is(token, "==")) {
		sf_token_read(&value, parser->text, token->end);
		token = &value;
	}
	if (token->kind == SF_TOKEN_STRING || sf_token_is(token, "contains") ||
		sf_token_is(token, "~") || sf_token_is(token, "!~"))
		return true;
	if (token->kind != SF_TOKEN_WORD || sf_token_is(token, "in") ||
		sf_token_is(token, "private"))
		return false;
	for (size_t i = 0; i < token->length; i++)
		if (strchr("ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ", token->text[i]))
			return true;
	return false;
}

static unsigned host_name_condition(struct sf_parser *parser)
{
	parser->subject = (struct sf_subject){ .count = 1, .word = parser->token };
	if (!find_field(parser, &parser->subject.fields[0], "http-host"))
		return 0;
	parser->has_subject = true;
	sf_parse_next(parser);
	return sf_parse_comparison(parser, &parser->subject);
}

static unsigned noun_condition(
	struct sf_parser *parser, const struct sf_ask_noun *noun, enum side side)
{
	struct sf_token next;

	sf_parse_peek(parser, &next);
	if (strcmp(noun->word, "host") == 0 && side == SIDE_EITHER && is_host_name(parser, &next))
		return host_name_condition(parser);
	if (!take_noun(parser, noun, side))
		return 0;
	sf_parse_next(parser);
	return sf_parse_comparison(parser, &parser->subject);
}

/* "src", "dst", "either", "both", "src or dst", "src and dst"; the noun is next. False: none. */
static bool take_side(struct sf_parser *parser, enum side *side)
{
	struct sf_token joint, last;
	bool either, both;

	if (accept_word(parser, "either") || accept_word(parser, "both")) {
		*side = SIDE_EITHER;
		return true;
	}
	*side = sf_token_is(&parser->token, "src") ? SIDE_SOURCE : SIDE_DESTINATION;
	sf_parse_peek(parser, &joint);
	either = sf_token_is(&joint, "or");
	both = sf_token_is(&joint, "and");
	sf_token_read(&last, parser->text, joint.end);
	if ((either || both) && sf_token_is(&last, *side == SIDE_SOURCE ? "dst" : "src")) {
		*side = either ? SIDE_EITHER : SIDE_BOTH;
		sf_parse_next(parser);
		sf_parse_next(parser);
	}
	sf_parse_next(parser);
	return true;
}

static bool is_side(const struct sf_token *token)
{
	return sf_token_is(token, "src") || sf_token_is(token, "dst") ||
	       sf_token_is(token, "either") || sf_token_is(token, "both");
}

/* "src port 80"; "src 10.0.0.1" is "src host 10.0.0.1". */
static unsigned side_condition(struct sf_parser *parser)
{
	bool both = sf_token_is(&parser->token, "both");
	const struct sf_ask_noun *noun;
	enum side side;

	take_side(parser, &side);
	if (both)
		side = SIDE_BOTH;
	noun = find_noun(&parser->token);
	if (noun)
		return noun_condition(parser, noun, side);
	if (parser->token.kind == SF_TOKEN_END)
		return sf_parse_fail(parser, &parser->token,
			"host, net, port, as, country or mac is missing here");
	if (parser->token.kind != SF_TOKEN_OPERATOR && parser->token.kind != SF_TOKEN_MARK &&
		!is_net(&parser->token) && !sf_token_is(&parser->token, "in"))
		return sf_parse_fail(parser, &parser->token,
			"'%.*s' cannot follow src or dst: host, net, port, as, country, mac or an "
			"address can",
			(int)parser->token.length, parser->token.text);
	if (!take_noun(parser, &nouns[0], side))
		return 0;
	return sf_parse_comparison(parser, &parser->subject);
}

/* ---------------------------------------------------------------- other conditions */

static unsigned range_test(struct sf_parser *parser, const char *field, uint64_t low, uint64_t high)
{
	struct sf_test *test;
	unsigned node;

	parser->subject.word = parser->token;
	test = sf_parse_test(parser, &node);
	if (!test || !find_field(parser, &test->field, field))
		return 0;
	test->kind = SF_TEST_RANGE;
	test->low = low;
	test->span = high - low;
	return node;
}

static unsigned any_test(struct sf_parser *parser)
{
	unsigned node;
	struct sf_test *test = sf_parse_test(parser, &node);

	if (!test)
		return 0;
	test->kind = SF_TEST_ANY;
	return node;
}

/* "tcp", and pcap-filter's "tcp port 80". */
static unsigned protocol_condition(struct sf_parser *parser, uint8_t protocol)
{
	unsigned node = range_test(parser, "proto", protocol, protocol);

	sf_parse_next(parser);
	if (is_side(&parser->token))
		return sf_parse_node(parser, SF_NODE_AND, node, side_condition(parser));
	if (find_noun(&parser->token))
		return sf_parse_node(parser, SF_NODE_AND, node,
			noun_condition(parser, find_noun(&parser->token), SIDE_EITHER));
	return node;
}

static bool ends_condition(const struct sf_token *token)
{
	return token->kind == SF_TOKEN_END || sf_token_is(token, ")") ||
	       sf_token_is(token, "and") || sf_token_is(token, "or") || sf_token_is(token, "&&") ||
	       sf_token_is(token, "||");
}

/* ipv4, ipv6, any, and "ip" alone. 0: it is none of these, without an error. */
static unsigned word_condition(struct sf_parser *parser)
{
	static const struct {
		const char *word;
		unsigned version;
	} versions[] = { { "ipv4", 4 }, { "ip4", 4 }, { "inet", 4 }, { "inet4", 4 }, { "ipv6", 6 },
		{ "ip6", 6 }, { "inet6", 6 } };
	struct sf_token next;
	unsigned node = 0;

	sf_parse_peek(parser, &next);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (sf_token_is(&parser->token, versions[i].word))
			node = range_test(
				parser, "version", versions[i].version, versions[i].version);
	if (sf_token_is(&parser->token, "ip") && ends_condition(&next))
		node = range_test(parser, "version", 4, 4);
	if (sf_token_is(&parser->token, "any"))
		node = any_test(parser);
	if (node)
		sf_parse_next(parser);
	return node;
}

/* The words of the language, for suggestions. */
static const char *any_word(const void *unused, unsigned i)
{
	static const char *const words[] = { "and", "or", "not", "in", "out", "either", "both",
		"has", "contains", "ipv4", "ipv6", "any", "router", "dscp" };
	const unsigned count = sizeof(words) / sizeof(words[0]);
	const unsigned noun_count = sizeof(nouns) / sizeof(nouns[0]);

	if (i < count)
		return words[i];
	if (i < count + noun_count)
		return nouns[i - count].word;
	i -= count + noun_count;
	if (i < 256)
		return sf_ask_protocol_name((uint8_t)i) ? sf_ask_protocol_name((uint8_t)i) : "";
	return sf_ask_any_name(unused, i - 256);
}

static unsigned unknown_word(struct sf_parser *parser)
{
	char word[64];
	const char *near;

	if (ends_condition(&parser->token) || sf_token_is(&parser->token, "contains"))
		return sf_parse_fail(parser, &parser->token, "a condition is missing before '%.*s'",
			(int)parser->token.length, parser->token.text);
	snprintf(word, sizeof(word), "%.*s", (int)parser->token.length, parser->token.text);
	near = sf_suggest(word, any_word, NULL);
	if (near && near[0])
		return sf_parse_fail(parser, &parser->token,
			"'%s' is no field and no word of the language; did you mean '%s'?", word,
			near);
	return sf_parse_fail(parser, &parser->token,
		"'%s' is no field and no word of the language (spanflow ask --fields lists them)",
		word);
}

/* A field by its name; a few have words of their own. */
static bool take_field(struct sf_parser *parser)
{
	static const struct {
		const char *word, *field;
	} words[] = { { "dscp", "tos" }, { "first", "start" }, { "last", "end" },
		{ "router", "exporter" }, { "protocol", "proto" }, { "ident", "exporter" } };
	struct sf_subject *subject = &parser->subject;
	struct sf_error error = { 0 };
	char name[64];

	*subject = (struct sf_subject){ .count = 1, .word = parser->token };
	subject->dscp = sf_token_is(&parser->token, "dscp");
	snprintf(name, sizeof(name), "%.*s", (int)parser->token.length, parser->token.text);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (sf_token_is(&parser->token, words[i].word))
			strcpy(name, words[i].field);
	if (parser->token.length >= sizeof(name) ||
		sf_ask_field_find(&subject->fields[0], name, parser->options->mode, &error)) {
		if (strstr(error.text, "there is no field"))
			unknown_word(parser);
		else
			sf_parse_fail(parser, &parser->token, "%s", error.text);
		return false;
	}
	subject->port = strcmp(name, "sport") == 0 || strcmp(name, "dport") == 0;
	parser->has_subject = true;
	return true;
}

/* "has FIELD", and "vlan" or "sni" alone: the record has it. */
static unsigned presence(struct sf_parser *parser)
{
	unsigned node;
	struct sf_test *test = sf_parse_test(parser, &node);

	if (!test)
		return 0;
	test->kind = SF_TEST_PRESENT;
	test->field = parser->subject.fields[0];
	return node;
}

static unsigned field_condition(struct sf_parser *parser)
{
	if (!take_field(parser))
		return 0;
	sf_parse_next(parser);
	if (sf_token_is(&parser->subject.word, "router") && sf_token_is(&parser->token, "ip"))
		sf_parse_next(parser);
	if (ends_condition(&parser->token))
		return presence(parser);
	return sf_parse_comparison(parser, &parser->subject);
}

/* "in if 3", "out if 3" */
static unsigned interface_condition(struct sf_parser *parser)
{
	enum side side = sf_token_is(&parser->token, "in") ? SIDE_SOURCE : SIDE_DESTINATION;
	const struct sf_ask_noun *noun;

	sf_parse_next(parser);
	noun = find_noun(&parser->token);
	if (!noun || !noun->interface)
		return sf_parse_fail(parser, &parser->token, "'if' is missing here: in if 3");
	return noun_condition(parser, noun, side);
}

/* A value alone belongs to the condition before: "port 80 or 443". */
static bool continues(const struct sf_parser *parser)
{
	const struct sf_token *token = &parser->token;

	return token->kind == SF_TOKEN_STRING ||
	       (token->kind == SF_TOKEN_WORD && (token->text[0] >= '0' && token->text[0] <= '9')) ||
	       is_net(token);
}

static unsigned plain_condition(struct sf_parser *parser)
{
	uint8_t protocol;
	unsigned node;

	if (is_side(&parser->token))
		return side_condition(parser);
	if (continues(parser) && parser->has_subject)
		return sf_parse_comparison(parser, &parser->subject);
	if (is_net(&parser->token))
		return take_noun(parser, &nouns[0], SIDE_EITHER)
			       ? sf_parse_comparison(parser, &parser->subject)
			       : 0;
	if (parser->token.kind != SF_TOKEN_WORD)
		return sf_parse_fail(parser, &parser->token,
			parser->token.kind == SF_TOKEN_END ? "a condition is missing here"
			: ends_condition(&parser->token)   ? "a condition is missing before this"
							   : "a condition cannot begin with this");
	node = word_condition(parser);
	if (node || parser->code)
		return node;
	if (find_noun(&parser->token))
		return noun_condition(parser, find_noun(&parser->token), SIDE_EITHER);
	if (sf_token_is(&parser->token, "in") || sf_token_is(&parser->token, "out"))
		return interface_condition(parser);
	if (sf_token_is(&parser->token, "has") || sf_token_is(&parser->token, "exists")) {
		sf_parse_next(parser);
		node = take_field(parser) ? presence(parser) : 0;
		sf_parse_next(parser);
		return node;
	}
	if (sf_ask_protocol_number(parser->token.text, parser->token.length, &protocol))
		return protocol_condition(parser, protocol);
	return field_condition(parser);
}

/* ---------------------------------------------------------------- joining */

static unsigned or_ed(struct sf_parser *parser);

static unsigned negated(struct sf_parser *parser)
{
	struct sf_token open = parser->token;
	unsigned node;

	if (++parser->depth > SF_WHERE_DEPTH_MAX)
		return sf_parse_fail(parser, &parser->token,
			"more than %u parentheses or 'not' in "
			"each other",
			SF_WHERE_DEPTH_MAX);
	if (accept_word(parser, "not") || accept_word(parser, "!")) {
		node = sf_parse_node(parser, SF_NODE_NOT, negated(parser), 0);
	} else if (accept_word(parser, "(")) {
		node = or_ed(parser);
		if (!parser->code && !accept_word(parser, ")"))
			sf_parse_fail(parser,
				parser->token.kind == SF_TOKEN_END ? &open : &parser->token,
				parser->token.kind == SF_TOKEN_END
					? "this parenthesis is not closed"
					: "'and', 'or' or ')' is missing here");
	} else {
		node = plain_condition(parser);
	}
	parser->depth--;
	return parser->code ? 0 : node;
}

static unsigned and_ed(struct sf_parser *parser)
{
	unsigned node = negated(parser);

	while (node && (accept_word(parser, "and") || accept_word(parser, "&&")))
		node = sf_parse_node(parser, SF_NODE_AND, node, negated(parser));
	return node;
}

static unsigned or_ed(struct sf_parser *parser)
{
	unsigned node = and_ed(parser);

	while (node && (accept_word(parser, "or") || accept_word(parser, "||")))
		node = sf_parse_node(parser, SF_NODE_OR, node, and_ed(parser));
	return node;
}

unsigned sf_parse_expression(struct sf_parser *parser)
{
	unsigned node;

	sf_parse_next(parser);
	node = or_ed(parser);
	if (parser->code)
		return 0;
	if (parser->token.kind != SF_TOKEN_END)
		return sf_parse_fail(parser, &parser->token,
			"'and' or 'or' is missing before '%.*s'", (int)parser->token.length,
			parser->token.text);
	return node;
}
