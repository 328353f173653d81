/* SPDX-License-Identifier: BSD-2-Clause */
/* "in": lists, files of values and private networks become sets, which tests look into. */
#include <stdlib.h>
#include <string.h>

#include "ask/compare.h"

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
	*valid = sf_compare_range(subject, token, &low, &high);
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
				sf_compare_kind(subject));
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
	bool empty = true;

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
			sf_compare_no_value(parser, sf_compare_kind(subject));
			return false;
		}
		empty = false;
	}
	if (empty)
		sf_parse_fail(parser, &open, "this list is empty");
	sf_parse_next(parser);
	return !empty;
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
		next = sf_compare_same_text(parser, subject);
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
	return sf_compare_joined(parser, subject, nodes[0], nodes[1]);
}

static struct sf_ask_set *new_set(struct sf_parser *parser)
{
	struct sf_ask_set *set = sf_ask_set_new();

	if (set && sf_compare_own(parser, &parser->where->sets, &parser->where->set_count, set))
		return set;
	sf_ask_set_free(set);
	sf_parse_no_memory(parser);
	return NULL;
}

/* "net private" */
unsigned sf_compare_private(struct sf_parser *parser, const struct sf_subject *subject)
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

unsigned sf_compare_in(struct sf_parser *parser, const struct sf_subject *subject)
{
	const char *close = closing(&parser->token);
	unsigned type = subject->fields[0].type;
	struct sf_ask_set *set;
	struct sf_network net;
	bool filled;

	if (((type == SF_ASK_TEXT && subject->fields[0].read != SF_READ_EXPORTER) ||
		    sf_compare_is_octets(subject)) &&
		close)
		return text_list(parser, subject, close);
	if (sf_compare_is_octets(subject) || type == SF_ASK_TIME || type == SF_ASK_REAL ||
		type == SF_ASK_FLAGS ||
		(type == SF_ASK_TEXT && subject->fields[0].read != SF_READ_EXPORTER))
		return sf_parse_fail(parser, &subject->word,
			"'in' is for addresses, ports and other "
			"numbers, and for lists [..] of texts and octets");
	if (type == SF_ASK_ADDRESS && !close && parser->token.kind == SF_TOKEN_WORD &&
		sf_ask_parse_net(parser->token.text, parser->token.length, &net))
		return sf_compare_net(parser, subject);
	if (!close && parser->token.kind != SF_TOKEN_WORD && parser->token.kind != SF_TOKEN_STRING)
		return sf_compare_no_value(parser, "a list [..] or the name of a file");
	set = new_set(parser);
	if (!set)
		return 0;
	filled = close ? read_list(parser, set, subject, close) : read_file(parser, set, subject);
	if (!filled)
		return 0;
	sf_ask_set_sort(set);
	return set_nodes(parser, subject, set);
}
