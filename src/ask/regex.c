/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pattern is compiled into a program of states, of which several are active at the same time
 * (Thompson's construction): SET takes a byte, SPLIT goes on at two places, and so on. The text is
 * read once; no state is active twice. There are no back references, which could not be matched
 * like that.
 */
#include "ask/regex.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <spanflow/error.h>

#define TOO_LONG   "it is too long, or repeats too much"
#define DEPTH_MAX  50 /* of parentheses */
#define REPEAT_MAX 255
#define STEPS_MAX  10000

enum op { OP_SET, OP_SPLIT, OP_JUMP, OP_BEGIN, OP_END, OP_MATCH };

struct state {
	enum op op;
	uint16_t to[2];  /* SPLIT: both ways; JUMP: one. The others go on at the next state */
	uint64_t set[4]; /* SET: the bytes that it takes */
};

struct sf_regex {
	unsigned count;
	struct state states[SF_REGEX_STATES];
};

struct compiler {
	struct sf_regex *pattern;
	const char *p; /* the rest of the text */
	unsigned depth;
	unsigned steps;     /* atoms that were compiled, again and again in {} */
	const char *reason; /* of the first error */
};

/* ---------------------------------------------------------------- states */

static bool fail(struct compiler *c, const char *reason)
{
	if (!c->reason)
		c->reason = reason;
	return false;
}

static bool add(struct compiler *c, enum op op)
{
	if (c->pattern->count == SF_REGEX_STATES)
		return fail(c, TOO_LONG);
	c->pattern->states[c->pattern->count++] = (struct state){ .op = op };
	return true;
}

/* Makes room for a state at `at`, and moves those from there on. */
static bool insert(struct compiler *c, unsigned at, enum op op)
{
	struct state *states = c->pattern->states;

	if (!add(c, op))
		return false;
	memmove(states + at + 1, states + at, (c->pattern->count - 1 - at) * sizeof(*states));
	for (unsigned i = at + 1; i < c->pattern->count; i++)
		for (unsigned k = 0; k < 2; k++)
			states[i].to[k] += states[i].to[k] >= at;
	states[at] = (struct state){ .op = op };
	return true;
}

static void include(uint64_t *set, unsigned first, unsigned last)
{
	for (unsigned byte = first; byte <= last; byte++)
		set[byte / 64] |= UINT64_C(1) << byte % 64;
}

static bool has(const uint64_t *set, unsigned byte)
{
	return set[byte / 64] >> byte % 64 & 1;
}

/* Letters in both cases. */
static void fold(uint64_t *set)
{
	for (unsigned i = 'a'; i <= 'z'; i++)
		if (has(set, i) || has(set, i - 'a' + 'A')) {
			include(set, i, i);
			include(set, i - 'a' + 'A', i - 'a' + 'A');
		}
}

static void invert(uint64_t *set)
{
	for (unsigned i = 0; i < 4; i++)
		set[i] = ~set[i];
}

static bool add_set(struct compiler *c, const uint64_t *set)
{
	if (!add(c, OP_SET))
		return false;
	memcpy(c->pattern->states[c->pattern->count - 1].set, set, 4 * sizeof(*set));
	return true;
}

/* ---------------------------------------------------------------- sets of bytes */

/* The bytes of [:name:]; false: there is no such class. */
static bool include_class(uint64_t *set, const char *name, size_t length)
{
	static const struct {
		const char *name;
		int (*has)(int);
	} classes[] = { { "alpha", isalpha }, { "digit", isdigit }, { "alnum", isalnum },
		{ "upper", isupper }, { "lower", islower }, { "space", isspace },
		{ "blank", isblank }, { "punct", ispunct }, { "print", isprint },
		{ "graph", isgraph }, { "cntrl", iscntrl }, { "xdigit", isxdigit } };

	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (strlen(classes[i].name) != length ||
			strncmp(classes[i].name, name, length) != 0)
			continue;
		for (unsigned byte = 0; byte < 128; byte++)
			if (classes[i].has((int)byte))
				include(set, byte, byte);
		return true;
	}
	return false;
}

/* One member of a bracket: a class, a range, a byte. Moves on. */
static bool bracket_member(struct compiler *c, uint64_t *set)
{
	const unsigned char *p = (const unsigned char *)c->p;
	const char *end;

	if (p[0] == '[' && p[1] == ':') {
		end = strstr(c->p + 2, ":]");
		if (!end || !include_class(set, c->p + 2, (size_t)(end - c->p - 2)))
			return fail(c, "[:...:] is no class of characters");
		c->p = end + 2;
		return true;
	}
	if (p[0] == '[' && (p[1] == '.' || p[1] == '='))
		return fail(c, "[. .] and [= =] are not supported");
	if (p[1] == '-' && p[2] && p[2] != ']') {
		if (p[0] > p[2])
			return fail(c, "a range in [] ends before it begins");
		include(set, p[0], p[2]);
		c->p += 3;
		return true;
	}
	include(set, p[0], p[0]);
	c->p++;
	return true;
}

/* "[a-z]", behind its first character. */
static bool bracket(struct compiler *c)
{
	uint64_t set[4] = { 0 };
	bool inverted = *c->p == '^', first = true;

	c->p += inverted;
	for (; *c->p != ']' || first; first = false)
		if (!*c->p)
			return fail(c, "a [ is not closed");
		else if (!bracket_member(c, set))
			return false;
	c->p++;
	fold(set);
	if (inverted)
		invert(set);
	return add_set(c, set);
}

/* What stands behind a backslash. */
static bool escape(struct compiler *c)
{
	unsigned char letter = (unsigned char)*c->p;
	uint64_t set[4] = { 0 };

	if (!letter)
		return fail(c, "it ends with a backslash");
	c->p++;
	if (tolower(letter) == 'd')
		include_class(set, "digit", 5);
	else if (tolower(letter) == 's')
		include_class(set, "space", 5);
	else if (tolower(letter) == 'w')
		include_class(set, "alnum", 5);
	else if (isalnum(letter))
		return fail(
			c, "of letters and digits only \\d, \\w and \\s may follow a backslash");
	else
		include(set, letter, letter);
	if (tolower(letter) == 'w')
		include(set, '_', '_');
	if (isupper(letter))
		invert(set);
	return add_set(c, set);
}

/* ---------------------------------------------------------------- the grammar */

static bool alternatives(struct compiler *c);

static bool group(struct compiler *c)
{
	if (++c->depth > DEPTH_MAX)
		return fail(c, "more than 50 parentheses are in each other");
	if (!alternatives(c))
		return false;
	if (*c->p != ')')
		return fail(c, "a ( is not closed");
	c->p++;
	c->depth--;
	return true;
}

static bool atom(struct compiler *c)
{
	unsigned char byte = (unsigned char)*c->p++;
	uint64_t set[4] = { 0 };

	if (++c->steps > STEPS_MAX)
		return fail(c, TOO_LONG);
	switch (byte) {
	case '(':
		return group(c);
	case '[':
		return bracket(c);
	case '\\':
		return escape(c);
	case '^':
		return add(c, OP_BEGIN);
	case '$':
		return add(c, OP_END);
	case '*':
	case '+':
	case '?':
		return fail(c, "nothing stands before *, + or ?");
	case '.':
		include(set, 0, 255);
		return add_set(c, set);
	default:
		include(set, byte, byte);
		fold(set);
		return add_set(c, set);
	}
}

/* A number, REPEAT_MAX + 1 at most; -1: there is none. */
static int number(struct compiler *c)
{
	int value = -1;

	for (; isdigit((unsigned char)*c->p); c->p++) {
		value = (value < 0 ? 0 : value) * 10 + *c->p - '0';
		value = value > REPEAT_MAX ? REPEAT_MAX + 1 : value;
	}
	return value;
}

/*
 * "*", "+", "?", "{2}", "{2,}", "{2,3}": how often; `most` -1: without an end.
 * False: none follows, or an error.
 */
static bool repeat(struct compiler *c, int *least, int *most)
{
	*least = *c->p == '+';
	*most = *c->p == '?' ? 1 : -1;
	if (*c->p == '*' || *c->p == '+' || *c->p == '?') {
		c->p++;
		return true;
	}
	if (*c->p != '{' || !isdigit((unsigned char)c->p[1]))
		return false;
	c->p++;
	*least = *most = number(c);
	if (*c->p == ',') {
		c->p++;
		*most = number(c);
	}
	if (*c->p != '}' || (*most >= 0 && *most < *least))
		return fail(c, "a {} is not {N}, {N,} or {N,M}");
	if (*least > REPEAT_MAX || *most > REPEAT_MAX)
		return fail(c, "more than 255 repetitions in {}");
	c->p++;
	return true;
}

/* Compiles the atom at `text` once more. */
static bool again(struct compiler *c, const char *text)
{
	const char *rest = c->p;
	bool done;

	c->p = text;
	done = atom(c);
	c->p = rest;
	return done;
}

/* The states from `begin` on may be passed by. */
static bool optional(struct compiler *c, unsigned begin)
{
	if (!insert(c, begin, OP_SPLIT))
		return false;
	c->pattern->states[begin].to[0] = (uint16_t)(begin + 1);
	c->pattern->states[begin].to[1] = (uint16_t)c->pattern->count;
	return true;
}

/* They may be gone through again. */
static bool loop(struct compiler *c, unsigned begin)
{
	if (!add(c, OP_SPLIT))
		return false;
	c->pattern->states[c->pattern->count - 1].to[0] = (uint16_t)begin;
	c->pattern->states[c->pattern->count - 1].to[1] = (uint16_t)c->pattern->count;
	return true;
}

/* The atom at `text`, whose states begin at `begin`, `least` to `most` times. */
static bool repeated(struct compiler *c, const char *text, unsigned begin, int least, int most)
{
	unsigned last = begin;

	if (most == 0) {
		c->pattern->count = begin;
		return true;
	}
	for (int i = 1; i < least; i++) {
		last = c->pattern->count;
		if (!again(c, text))
			return false;
	}
	if (most < 0 && !loop(c, last))
		return false;
	if (least == 0 && !optional(c, begin))
		return false;
	for (int i = least ? least : 1; i < most; i++) {
		last = c->pattern->count;
		if (!again(c, text) || !optional(c, last))
			return false;
	}
	return true;
}

/* An atom with what repeats it. */
static bool piece(struct compiler *c)
{
	const char *text = c->p;
	unsigned begin = c->pattern->count;
	int least, most;

	if (!atom(c))
		return false;
	if (!repeat(c, &least, &most))
		return !c->reason;
	if (!repeated(c, text, begin, least, most))
		return false;
	/* "a**", "a{2}{3}": as parentheses would make clear */
	if (repeat(c, &least, &most))
		return fail(c, "two repetitions follow each other");
	return !c->reason;
}

static bool sequence(struct compiler *c)
{
	while (*c->p && *c->p != '|' && *c->p != ')')
		if (!piece(c))
			return false;
	return true;
}

static bool alternatives(struct compiler *c)
{
	unsigned begin = c->pattern->count;

	if (!sequence(c))
		return false;
	while (*c->p == '|') {
		unsigned jump;

		c->p++;
		if (!insert(c, begin, OP_SPLIT) || !add(c, OP_JUMP))
			return false;
		jump = c->pattern->count - 1;
		c->pattern->states[begin].to[0] = (uint16_t)(begin + 1);
		c->pattern->states[begin].to[1] = (uint16_t)(jump + 1);
		if (!sequence(c))
			return false;
		c->pattern->states[jump].to[0] = (uint16_t)c->pattern->count;
		/* the alternatives so far are one that further ones stand beside */
	}
	return true;
}

int sf_regex_new(struct sf_regex **result, const char *text, const char **reason)
{
	struct sf_regex *pattern = calloc(1, sizeof(*pattern)), *smaller;
	struct compiler c = { .pattern = pattern, .p = text };

	if (!pattern)
		return -ENOMEM;
	if (alternatives(&c) && *c.p)
		fail(&c, "a ) closes nothing");
	if (!c.reason)
		add(&c, OP_MATCH);
	if (c.reason) {
		free(pattern);
		*reason = c.reason;
		return SF_EUSAGE;
	}
	smaller = realloc(pattern,
		offsetof(struct sf_regex, states) + pattern->count * sizeof(pattern->states[0]));
	*result = smaller ? smaller : pattern;
	return 0;
}

void sf_regex_free(struct sf_regex *pattern)
{
	free(pattern);
}

/* ---------------------------------------------------------------- matching */

/* States that are active at a place of the text. */
struct active {
	unsigned count;
	uint16_t states[SF_REGEX_STATES];
	uint64_t marks[SF_REGEX_STATES / 64 + 1];
};

/*
 * Makes a state active, and those that it leads to without a byte. Place: `begin` and `end` of the
 * text. True: the pattern has matched. Each state is marked once, so that the stack has room for
 * all.
 */
static bool activate(
	const struct sf_regex *pattern, struct active *active, unsigned first, bool begin, bool end)
{
	uint16_t stack[2 * SF_REGEX_STATES + 2];
	unsigned depth = 0;

	stack[depth++] = (uint16_t)first;
	while (depth) {
		unsigned i = stack[--depth];
		const struct state *state = &pattern->states[i];

		if (active->marks[i / 64] >> i % 64 & 1)
			continue;
		active->marks[i / 64] |= UINT64_C(1) << i % 64;
		if (state->op == OP_MATCH)
			return true;
		if (state->op == OP_SET)
			active->states[active->count++] = (uint16_t)i;
		if (state->op == OP_SPLIT)
			stack[depth++] = state->to[1];
		if (state->op == OP_SPLIT || state->op == OP_JUMP)
			stack[depth++] = state->to[0];
		if ((state->op == OP_BEGIN && begin) || (state->op == OP_END && end))
			stack[depth++] = (uint16_t)(i + 1);
	}
	return false;
}

static void clear(struct active *active, unsigned states)
{
	active->count = 0;
	memset(active->marks, 0, (states / 64 + 1) * sizeof(active->marks[0]));
}

bool sf_regex_match(const struct sf_regex *pattern, const char *text, size_t length)
{
	struct active lists[2], *now = &lists[0], *next = &lists[1], *swap;

	clear(now, pattern->count);
	for (size_t i = 0;; i++) {
		/* it may begin anywhere */
		if (activate(pattern, now, 0, i == 0, i == length))
			return true;
		if (i == length)
			return false;
		clear(next, pattern->count);
		for (unsigned k = 0; k < now->count; k++)
			if (has(pattern->states[now->states[k]].set, (unsigned char)text[i]) &&
				activate(
					pattern, next, now->states[k] + 1u, false, i + 1 == length))
				return true;
		swap = now;
		now = next;
		next = swap;
	}
}
