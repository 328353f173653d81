/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes as text. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "enrich/load.h"

#define LINE_MAX_BYTES 1024
#define WORDS_MAX      6

struct line {
	const char *path;
	uint64_t number;
	char text[LINE_MAX_BYTES]; /* words, each ended by NUL */
	char *words[WORDS_MAX];
	unsigned count;
	struct sf_error *error;
};

static int wrong(const struct line *line, const char *word, const char *what, const char *allowed)
{
	return sf_error_set(line->error, SF_ECORRUPT,
		"%s:%" PRIu64 ":%d: %s is '%.60s' (allowed: %s)", line->path, line->number,
		(int)(word - line->text) + 1, what, word, allowed);
}

static int split(struct line *line)
{
	char *p = line->text;

	line->count = 0;
	p[strcspn(p, "#;")] = 0;
	for (;;) {
		p += strspn(p, " \t\r,");
		if (!*p)
			return 0;
		if (line->count == WORDS_MAX)
			return wrong(line, p, "a further word",
				"PREFIX AS [NEXT-HOP [BGP-NEXT-HOP]] [COUNTRY]");
		line->words[line->count++] = p;
		p += strcspn(p, " \t\r,");
		if (*p)
			*p++ = 0;
	}
}

/* Digits only, at most `most`. */
static bool read_number(const char *text, uint64_t most, uint64_t *number)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return *end == 0 && errno == 0 && *number <= most;
}

static int read_prefix(const struct line *line, bool *ipv6, uint8_t *address, unsigned *length)
{
	const char *allowed = "IPv4 or IPv6 prefix such as 192.0.2.0/24 or 2001:db8::/32";
	char *word = line->words[0], *slash = strchr(word, '/');
	uint64_t number;
	int read;

	*ipv6 = strchr(word, ':') != NULL;
	number = *ipv6 ? 128 : 32;
	if (slash && !read_number(slash + 1, number, &number))
		return wrong(line, slash + 1, "the prefix length", *ipv6 ? "0 to 128" : "0 to 32");
	if (slash)
		*slash = 0;
	read = inet_pton(*ipv6 ? AF_INET6 : AF_INET, word, address);
	*length = (unsigned)number;
	return read == 1 ? 0 : wrong(line, word, "the prefix", allowed);
}

/* 64500, AS64500, 1.10 (65546), - */
static int read_as(const struct line *line, uint32_t *as)
{
	const char *word = line->words[1];
	const char *text = strncasecmp(word, "AS", 2) == 0 ? word + 2 : word;
	char upper[8] = "";
	const char *dot = strchr(text, '.');
	uint64_t high, low;

	*as = 0;
	if (!strcmp(word, "-"))
		return 0;
	if (dot && (size_t)(dot - text) < sizeof(upper)) {
		memcpy(upper, text, (size_t)(dot - text));
		if (read_number(upper, UINT16_MAX, &high) &&
			read_number(dot + 1, UINT16_MAX, &low)) {
			*as = (uint32_t)(high << 16 | low);
			return 0;
		}
	} else if (read_number(text, UINT32_MAX, &low)) {
		*as = (uint32_t)low;
		return 0;
	}
	return wrong(line, word, "the AS number", "0 to 4294967295, AS64500, 1.10, - for unknown");
}

static int read_hop(const struct line *line, const char *word, bool ipv6, uint8_t *hop)
{
	if (!strcmp(word, "-") || inet_pton(ipv6 ? AF_INET6 : AF_INET, word, hop) == 1)
		return 0;
	return wrong(line, word, "the next hop",
		ipv6 ? "IPv6 address, - for unknown, or a country of two capital letters"
		     : "IPv4 address, - for unknown, or a country of two capital letters");
}

static bool is_country(const char *word)
{
	return isupper((unsigned char)word[0]) && isupper((unsigned char)word[1]) && !word[2];
}

static int read_line(struct line *line, struct sf_draft *draft)
{
	struct sf_route_facts facts = { 0 };
	uint8_t *hops[2] = { facts.hops.next, facts.hops.bgp };
	uint8_t address[16];
	unsigned length = 0, hop = 0;
	bool ipv6 = false;
	int code = split(line);

	if (code < 0 || line->count == 0)
		return code;
	code = read_prefix(line, &ipv6, address, &length);
	if (code < 0)
		return code;
	facts.length = (uint8_t)length;
	if (line->count < 2)
		return wrong(line, line->words[0], "the last word",
			"an AS number behind the prefix, - for unknown");
	code = read_as(line, &facts.as);
	for (unsigned i = 2; code == 0 && i < line->count; i++) {
		const char *word = line->words[i];

		if (is_country(word) && !facts.country[0])
			memcpy(facts.country, word, 2);
		else if (hop < 2)
			code = read_hop(line, word, ipv6, hops[hop++]);
		else
			code = wrong(line, word, "a further word",
				"PREFIX AS [NEXT-HOP [BGP-NEXT-HOP]] [COUNTRY]");
	}
	if (code < 0)
		return code;
	code = sf_draft_add(draft, ipv6, address, length, &facts);
	return code < 0 ? sf_load_failed(line->path, code, line->error) : 0;
}

int sf_load_text(struct sf_draft *draft, struct sf_intake *intake, struct sf_error *error)
{
	struct line line = { .path = intake->path, .error = error };

	sf_intake_skip_bom(intake);
	for (;;) {
		int code = sf_intake_need(intake, LINE_MAX_BYTES, error);
		size_t left = (size_t)(intake->end - intake->p), length;
		const uint8_t *end;

		if (code < 0 || left == 0)
			return code < 0 ? code : 0;
		line.number++;
		end = memchr(intake->p, '\n', left);
		length = end ? (size_t)(end - intake->p) : left;
		if (length >= LINE_MAX_BYTES)
			return sf_error_set(error, SF_ECORRUPT,
				"%s:%" PRIu64 ": the line is longer than %d bytes", intake->path,
				line.number, LINE_MAX_BYTES - 1);
		memcpy(line.text, intake->p, length);
		line.text[length] = 0;
		if (memchr(line.text, 0, length))
			return sf_error_set(error, SF_ECORRUPT,
				"%s:%" PRIu64 ": a zero byte: this is no text", intake->path,
				line.number);
		intake->p += length + (end != NULL);
		code = read_line(&line, draft);
		if (code < 0)
			return code;
	}
}
