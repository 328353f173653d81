/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/time_text.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#define NS_PER_S    INT64_C(1000000000)
#define SECONDS_MAX (((INT64_C(1) << 62) - 1) / NS_PER_S) /* as of packet times */

/* Reads exactly `count` digits, a number from `min` to `max`. */
static bool digits(const char **p, unsigned count, int min, int max, int *value)
{
	*value = 0;
	for (unsigned i = 0; i < count; i++, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return false;
		*value = 10 * *value + (**p - '0');
	}
	return *value >= min && *value <= max;
}

/* ".647" to ns, if there is one. */
static bool fraction(const char **p, int64_t *ns)
{
	int64_t unit = NS_PER_S;

	*ns = 0;
	if (**p != '.')
		return true;
	for ((*p)++; isdigit((unsigned char)**p); (*p)++) {
		if (unit == 1)
			return false;
		unit /= 10;
		*ns += unit * (**p - '0');
	}
	return unit < NS_PER_S;
}

/* "08:00", "08:00:04" or "08:00:04.647" */
static bool time_of_day(const char **p, struct tm *tm, int64_t *ns)
{
	if (!digits(p, 2, 0, 23, &tm->tm_hour) || *(*p)++ != ':' ||
		!digits(p, 2, 0, 59, &tm->tm_min))
		return false;
	if (**p != ':')
		return true;
	(*p)++;
	return digits(p, 2, 0, 60, &tm->tm_sec) && fraction(p, ns);
}

/* "Z", "+01:00", "+0100", "+01": seconds before UTC. False: nothing of the kind. */
static bool zone(const char **p, int64_t *offset)
{
	int hours, minutes = 0, sign = **p == '-' ? -1 : 1;

	*offset = 0;
	if (**p == 'Z' || **p == 'z') {
		(*p)++;
		return true;
	}
	if (**p != '+' && **p != '-')
		return false;
	(*p)++;
	if (!digits(p, 2, 0, 18, &hours))
		return false;
	if (**p == ':')
		(*p)++;
	if (**p && !digits(p, 2, 0, 59, &minutes))
		return false;
	*offset = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool in_range(int64_t seconds, int64_t fraction_ns, int64_t *ns)
{
	if (seconds < 0 || seconds >= SECONDS_MAX)
		return false;
	*ns = seconds * NS_PER_S + fraction_ns;
	return true;
}

static bool parse_epoch(const char *p, int64_t *ns)
{
	int64_t seconds = 0, part;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		seconds = 10 * seconds + (*p - '0');
		if (seconds >= SECONDS_MAX)
			return false;
	}
	return fraction(&p, &part) && !*p && in_range(seconds, part, ns);
}

/* Is the day in its month? timegm(3) would make March of February 30th. */
static bool day_exists(struct tm tm)
{
	int day = tm.tm_mday;

	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	timegm(&tm);
	return tm.tm_mday == day;
}

bool sf_time_parse(const char *text, bool local, int64_t *ns)
{
	struct tm tm = { .tm_isdst = -1 };
	int64_t part = 0, offset = 0, seconds;
	const char *p = text;

	if (*p == '@')
		return parse_epoch(p + 1, ns);
	if (!digits(&p, 4, 1970, 2200, &tm.tm_year) || *p++ != '-' ||
		!digits(&p, 2, 1, 12, &tm.tm_mon) || *p++ != '-' ||
		!digits(&p, 2, 1, 31, &tm.tm_mday))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	if (!day_exists(tm))
		return false;
	if (*p == 'T' || *p == 't' || *p == ' ') {
		p++;
		if (!time_of_day(&p, &tm, &part))
			return false;
	}
	if (*p) {
		if (!zone(&p, &offset) || *p)
			return false;
		local = false;
	}
	seconds = local ? mktime(&tm) : timegm(&tm);
	return in_range(seconds - offset, part, ns);
}
