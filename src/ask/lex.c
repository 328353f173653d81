/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of an expression. */
#include <ctype.h>
#include <string.h>

#include "ask/internal.h"

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_.:/@+-*%", c)) ||
	       (unsigned char)c >= 0x80;
}

static void read_string(struct sf_token *token, const char *text)
{
	char quote = text[token->start];
	const char *end = strchr(text + token->start + 1, quote);

	token->kind = end ? SF_TOKEN_STRING : SF_TOKEN_BAD;
	token->text = text + token->start + 1;
	token->length = end ? (size_t)(end - token->text) : strlen(token->text);
	token->end = token->start + token->length + (end ? 2 : 1);
}

/* = == != < > <= >= ~ !~, and the logical && || ! */
static size_t operator_length(const char *p)
{
	static const char *const operators[] = { "==", "!=", "<=", ">=", "!~", "&&", "||", "=", "<",
		">", "~", "!" };

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (strncmp(p, operators[i], strlen(operators[i])) == 0)
			return strlen(operators[i]);
	return 0;
}

void sf_token_read(struct sf_token *token, const char *text, size_t position)
{
	const char *p;

	while (isspace((unsigned char)text[position]))
		position++;
	p = text + position;
	*token = (struct sf_token){ .start = position, .text = p };
	if (!*p) {
		token->kind = SF_TOKEN_END;
	} else if (*p == '"' || *p == '\'') {
		read_string(token, text);
		return;
	} else if (is_word(*p)) {
		token->kind = SF_TOKEN_WORD;
		while (is_word(p[token->length]))
			token->length++;
	} else if (operator_length(p)) {
		token->kind = SF_TOKEN_OPERATOR;
		token->length = operator_length(p);
	} else {
		token->kind = strchr("()[]{},", *p) ? SF_TOKEN_MARK : SF_TOKEN_BAD;
		token->length = 1;
	}
	token->end = position + token->length;
}

bool sf_token_is(const struct sf_token *token, const char *word)
{
	return token->kind != SF_TOKEN_STRING && token->kind != SF_TOKEN_END &&
	       strlen(word) == token->length && strncasecmp(token->text, word, token->length) == 0;
}
