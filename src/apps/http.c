/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first request of HTTP/1.0 or 1.1 (RFC 9112) and the status of the first response, as far as
 * their first segment has them; over UDP too, where SSDP looks like HTTP. Texts are as sent:
 * whoever prints them escapes them.
 */
#include <strings.h>

#include "apps/reader.h"
#include "base/branch.h"

enum {
	METHOD_MOST = 16,
	HOST_MOST = 253,
	TARGET_MOST = 200,
	AGENT_MOST = 200,
	HEAD_MAX = 4096, /* bytes and lines of a request that are looked at */
	LINES_MAX = 64,
	VERSION = sizeof("HTTP/1.1") - 1,
};

struct line {
	const char *p;
	size_t length;
};

/* Takes a line from the front. False: there is no whole one. */
static bool take_line(struct line *from, struct line *line)
{
	const char *end = memchr(from->p, '\n', from->length);

	if (!end)
		return false;
	line->p = from->p;
	line->length = (size_t)(end - from->p);
	from->length -= line->length + 1;
	from->p = end + 1;
	if (line->length && line->p[line->length - 1] == '\r')
		line->length--;
	return true;
}

static bool is_version(const char *p)
{
	return memcmp(p, "HTTP/1.", 7) == 0 && (p[7] == '0' || p[7] == '1');
}

/* Of a method: "M-SEARCH" too. */
static bool is_token(char c)
{
	return (c >= 'A' && c <= 'Z') || c == '-';
}

/* Takes the method and the space behind it. False: it is none. */
static bool take_method(struct line *from, struct line *method)
{
	size_t i = 0;

	while (i < from->length && i <= METHOD_MOST && is_token(from->p[i]))
		i++;
	if (i < 3 || i > METHOD_MOST || i == from->length || from->p[i] != ' ')
		return false;
	*method = (struct line){ from->p, i };
	from->p += i + 1;
	from->length -= i + 1;
	return true;
}

/* Methods that are believed if the line is longer than the segment. */
static bool is_usual(struct line method)
{
	static const char usual[][5] = { "GET", "POST", "HEAD", "PUT" };

	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		if (method.length == strlen(usual[i]) && !memcmp(method.p, usual[i], method.length))
			return true;
	return false;
}

/* The value, without blanks around it, if the header has this name. */
static bool is_header(struct line line, const char *name, struct line *value)
{
	size_t length = strlen(name);

	if (line.length <= length || line.p[length] != ':' || strncasecmp(line.p, name, length))
		return false;
	line.p += length + 1;
	line.length -= length + 1;
	while (line.length && (*line.p == ' ' || *line.p == '\t')) {
		line.p++;
		line.length--;
	}
	while (line.length && (line.p[line.length - 1] == ' ' || line.p[line.length - 1] == '\t'))
		line.length--;
	*value = line;
	return true;
}

static void put_request(
	struct sf_app *app, struct line method, struct line target, struct line left)
{
	struct sf_app_writer writer = { .app = app };
	struct line line, host = { 0 }, agent = { 0 };

	for (unsigned n = 0; n < LINES_MAX && take_line(&left, &line) && line.length; n++) {
		if (!host.p)
			is_header(line, "host", &host);
		if (!agent.p)
			is_header(line, "user-agent", &agent);
	}
	sf_app_put(&writer, host.p, host.length, HOST_MOST);
	sf_app_put(&writer, method.p, method.length, METHOD_MOST);
	sf_app_put(&writer, target.p, target.length, TARGET_MOST);
	sf_app_put(&writer, agent.p, agent.length, AGENT_MOST);
}

static bool read_request(struct line left, struct sf_app *app)
{
	struct line line, method, target;

	if (!take_method(&left, &method))
		return false;
	if (take_line(&left, &line)) {
		/* target, space, version */
		if (line.length < VERSION + 2 || !is_version(line.p + line.length - VERSION) ||
			line.p[line.length - VERSION - 1] != ' ')
			return false;
		target = (struct line){ line.p, line.length - VERSION - 1 };
		sf_app_begin(app, SF_APP_HTTP, SF_APP_READ);
	} else {
		if (!is_usual(method) || !left.length || (*left.p != '/' && *left.p != 'h') ||
			memchr(left.p, ' ', left.length))
			return false;
		target = left;
		left.length = 0;
		sf_app_begin(app, SF_APP_HTTP, SF_APP_NAMED);
	}
	put_request(app, method, target, left);
	return true;
}

static bool read_status(struct line left, struct sf_app *app)
{
	const char *p = left.p + VERSION;
	unsigned status = 0;

	if (left.length < VERSION + 4 || !is_version(left.p) || *p++ != ' ')
		return false;
	for (unsigned i = 0; i < 3; i++, p++) {
		if (*p < '0' || *p > '9')
			return false;
		status = status * 10 + (unsigned)(*p - '0');
	}
	sf_app_begin(app, SF_APP_HTTP, SF_APP_READ);
	app->flags = SF_APP_ANSWER;
	app->number[0] = (uint16_t)status;
	return true;
}

bool sf_app_http(const struct sf_payload *payload, struct sf_app *app)
{
	struct line all = { (const char *)payload->bytes, payload->length };

	if (sf_likely(all.length < VERSION || *all.p < 'A' || *all.p > 'Z'))
		return false;
	if (all.length > HEAD_MAX)
		all.length = HEAD_MAX;
	return *all.p == 'H' && read_status(all, app) ? true : read_request(all, app);
}
