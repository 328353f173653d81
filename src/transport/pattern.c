/* SPDX-License-Identifier: BSD-2-Clause */
#include "transport/pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)
#define PARTIAL  ".partial"

/* Conversions: the characters that they match, and the span of a file whose name ends with them. */
static const struct conversion {
	char letter;
	const char *form; /* '0': a digit; other characters stand for themselves; NULL: digits */
	int64_t usual_s;  /* 0: longer than a day */
} conversions[] = {
	{ 'Y', "0000", 0 },
	{ 'm', "00", 0 },
	{ 'd', "00", 86400 },
	{ 'j', "000", 86400 },
	{ 'F', "0000-00-00", 86400 },
	{ 'H', "00", 3600 },
	{ 'M', "00", 300 },
	{ 'S', "00", 300 },
	{ 's', NULL, 300 },
	{ 'y', "00", 0 },
};

static const struct conversion *find_conversion(char letter)
{
	for (size_t i = 0; i < sizeof(conversions) / sizeof(conversions[0]); i++)
		if (conversions[i].letter == letter)
			return &conversions[i];
	return NULL;
}

/* Looks at all conversions of the path. */
static int read_conversions(struct sf_pattern *pattern, const char *path, struct sf_error *error)
{
	pattern->usual_ns = 86400 * NS_PER_S;
	for (const char *p = strchr(path, '%'); p; p = strchr(p + 2, '%')) {
		const struct conversion *found = find_conversion(p[1]);

		if (!found && p[1] != '%')
			return sf_error_set(error, SF_EUSAGE,
				"%s: '%.2s' is no part of a file name's time (allowed: %%Y %%m %%d "
				"%%H %%M %%S %%F %%j %%y %%s; %%%% is a percent sign)",
				path, p);
		pattern->timed |= found != NULL;
		if (found && found->usual_s && found->usual_s * NS_PER_S < pattern->usual_ns)
			pattern->usual_ns = found->usual_s * NS_PER_S;
	}
	return 0;
}

/* Before ".ipfix" and ".ipfix.gz" of the last component, else at its end. */
static size_t find_number_place(const char *names)
{
	const char *slash = strrchr(names, '/'), *start = slash ? slash + 1 : names;
	size_t length = strlen(start);

	if (length > 3 && strcmp(start + length - 3, ".gz") == 0)
		length -= 3;
	else if (length > 4 && strcmp(start + length - 4, ".zst") == 0)
		length -= 4;
	for (size_t i = length; i-- > 1 && start[i] != '%';)
		if (start[i] == '.')
			return (size_t)(start - names) + i;
	return (size_t)(start - names) + length;
}

int sf_pattern_init(struct sf_pattern *pattern, const char *path, struct sf_error *error)
{
	size_t fixed = strcspn(path, "%");
	int code;

	*pattern = (struct sf_pattern){ 0 };
	if (strlen(path) >= sizeof(pattern->names))
		return sf_error_set(error, SF_EUSAGE, "%s: the name is too long", path);
	code = read_conversions(pattern, path, error);
	if (code < 0)
		return code;
	while (fixed && path[fixed - 1] != '/')
		fixed--;
	snprintf(pattern->base, sizeof(pattern->base), "%.*s",
		fixed > 1 ? (int)fixed - 1
		: fixed   ? 1
			  : 1,
		fixed ? path : ".");
	strcpy(pattern->names, path + fixed);
	pattern->number_at = find_number_place(pattern->names);
	return 0;
}

/* Appends the time, as one conversion has it. False: no room. */
static bool append_time(char letter, int64_t seconds, const struct tm *tm, char *to, size_t room)
{
	char format[3] = { '%', letter, 0 };
	int n = 0;

	if (letter == 's')
		n = snprintf(to, room, "%lld", (long long)seconds);
	else if (letter == 'Y')
		n = snprintf(to, room, "%04d", tm->tm_year + 1900);
	else if (letter == '%')
		n = snprintf(to, room, "%%");
	else
		return strftime(to, room, format, tm) > 0;
	return n > 0 && (size_t)n < room;
}

bool sf_pattern_name(
	const struct sf_pattern *pattern, int64_t time_ns, unsigned number, char *name, size_t size)
{
	int64_t seconds = time_ns > 0 ? time_ns / NS_PER_S : 0;
	time_t time = (time_t)seconds;
	size_t used = 0;
	struct tm tm;

	if (!gmtime_r(&time, &tm) || size == 0)
		return false;
	*name = 0;
	for (size_t i = 0;; i++) {
		char c = pattern->names[i];

		if (i == pattern->number_at && number)
			used += (size_t)snprintf(name + used, size - used, "-%u", number);
		if (c == 0 || used + 1 >= size)
			return c == 0 && used < size;
		if (c == '%') {
			if (!append_time(
				    pattern->names[++i], seconds, &tm, name + used, size - used))
				return false;
			used += strlen(name + used);
		} else {
			name[used++] = c;
			name[used] = 0;
		}
	}
}

bool sf_pattern_partial(const char *name, char *partial, size_t size)
{
	const char *slash = strrchr(name, '/');
	int directory = slash ? (int)(slash + 1 - name) : 0;
	int n = snprintf(partial, size, "%.*s.%s" PARTIAL, directory, name, name + directory);

	return n > 0 && (size_t)n < size;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Length of what a conversion matches at `text`; 0: it does not match. */
static size_t match_conversion(const struct conversion *conversion, const char *text)
{
	const char *form = conversion->form;
	size_t n = 0;

	while (form ? form[n] != 0 && (form[n] == '0' ? is_digit(text[n]) : text[n] == form[n])
		    : is_digit(text[n]))
		n++;
	return form && form[n] ? 0 : n;
}

/* Length of "-1", "-2" …; 0: there is none. */
static size_t match_number(const char *text)
{
	size_t n = *text == '-' ? 1 : 0;

	while (n && is_digit(text[n]))
		n++;
	return n > 1 ? n : 0;
}

/* Compares a component, names[from … to-1], with an entry of `length` bytes. */
static bool match_component(
	const struct sf_pattern *pattern, size_t from, size_t to, const char *entry, size_t length)
{
	const char *end = entry + length;

	for (size_t i = from;; i++) {
		char c = i < to ? pattern->names[i] : 0;
		size_t n = 1;

		if (i == pattern->number_at)
			entry += match_number(entry);
		if (c == 0 || entry >= end)
			return c == 0 && entry == end;
		if (c == '%' && pattern->names[++i] != '%')
			n = match_conversion(find_conversion(pattern->names[i]), entry);
		else if (c != *entry)
			n = 0;
		if (n == 0 || n > (size_t)(end - entry))
			return false;
		entry += n;
	}
}

bool sf_pattern_matches(
	const struct sf_pattern *pattern, unsigned depth, const char *entry, bool *last)
{
	const size_t suffix = sizeof(PARTIAL) - 1;
	size_t from = 0, to, length = strlen(entry);

	for (; depth; depth--) {
		from += strcspn(pattern->names + from, "/");
		if (pattern->names[from] == 0)
			return false;
		from++;
	}
	to = from + strcspn(pattern->names + from, "/");
	*last = pattern->names[to] == 0;
	if (match_component(pattern, from, to, entry, length))
		return true;
	return *last && length > suffix + 1 && *entry == '.' &&
	       strcmp(entry + length - suffix, PARTIAL) == 0 &&
	       match_component(pattern, from, to, entry + 1, length - 1 - suffix);
}

int sf_pattern_open_base(const struct sf_pattern *pattern, bool *made)
{
	char path[PATH_MAX];
	int fd;

	strcpy(path, pattern->base);
	*made = false;
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	if (mkdir(path, 0750) == 0)
		*made = true;
	else if (errno != EEXIST && errno != EISDIR)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void sf_pattern_make_directories(int base, const char *name)
{
	char path[PATH_MAX];

	strcpy(path, name);
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdirat(base, path, 0750) < 0 && errno != EEXIST)
			return;
		*slash = '/';
	}
}
