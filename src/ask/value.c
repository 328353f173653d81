/* SPDX-License-Identifier: BSD-2-Clause */
/* Values as people write them. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ask/internal.h"
#include "base/scaled.h"
#include "base/time_text.h"

#define NS_PER_S INT64_C(1000000000)
#define WORD_MAX 128

/* A copy that ends with a NUL; false: too long. */
static bool copy(const char *text, size_t length, char word[WORD_MAX])
{
	if (length >= WORD_MAX || memchr(text, 0, length))
		return false;
	memcpy(word, text, length);
	word[length] = '\0';
	return true;
}

/* A decimal number up to `most`. */
static bool decimal(const char *text, unsigned most, unsigned *value)
{
	*value = 0;
	if (!*text || strlen(text) > 5)
		return false;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return false;
		*value = 10 * *value + (unsigned)(*text - '0');
	}
	return *value <= most;
}

/* "10", "10.1", "10.1.2": the networks that tcpdump takes them for; "10.1/12". */
static bool short_net(char *word, struct sf_network *net)
{
	char *slash = strchr(word, '/'), *rest = word;
	unsigned count = 0, bits = 0;

	if (slash)
		*slash++ = '\0';
	memset(net, 0, sizeof(*net));
	for (char *part; count < 4 && (part = strsep(&rest, ".")) != NULL; count++) {
		unsigned value;

		if (!decimal(part, 255, &value))
			return false;
		net->address[count] = (uint8_t)value;
	}
	net->length = 4;
	net->bits = (uint8_t)(8 * count);
	if (rest || !count || (slash && !decimal(slash, 32, &bits)))
		return false;
	if (slash)
		net->bits = (uint8_t)bits;
	return true;
}

bool sf_ask_parse_net(const char *text, size_t length, struct sf_network *net)
{
	char word[WORD_MAX];

	return sf_network_parse(text, length, net) ||
	       (copy(text, length, word) && short_net(word, net));
}

static const struct sf_unit counts[] = {
	{ "", 1 },
	{ "k", 1000 },
	{ "K", 1000 },
	{ "m", 1000000 },
	{ "M", 1000000 },
	{ "g", 1000000000 },
	{ "G", 1000000000 },
	{ "t", UINT64_C(1000000000000) },
	{ "T", UINT64_C(1000000000000) },
	{ "kB", 1000 },
	{ "MB", 1000000 },
	{ "GB", 1000000000 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "GiB", UINT64_C(1) << 30 },
	{ NULL },
};

static bool real_number(const char *word, uint64_t *number)
{
	char *end;
	double value = strtod(word, &end);

	if (end == word || *end || !(isdigit((unsigned char)*word) || strchr("+-.", *word)))
		return false;
	memcpy(number, &value, sizeof(value));
	return true;
}

bool sf_ask_parse_number(const char *text, size_t length, unsigned type, uint64_t *number)
{
	char word[WORD_MAX], *end;

	if (!copy(text, length, word) || !*word)
		return false;
	if (type == SF_ASK_REAL)
		return real_number(word, number);
	if (type == SF_ASK_DURATION)
		return sf_scaled_parse(word, sf_units_time, number);
	if (type == SF_ASK_SIGNED && *word == '-') {
		if (!sf_scaled_parse(word + 1, counts, number) || *number > INT64_MAX)
			return false;
		*number = -*number;
		return true;
	}
	if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X') &&
		isxdigit((unsigned char)word[2]) && strlen(word) <= 18) {
		*number = strtoull(word + 2, &end, 16);
		return !*end;
	}
	return sf_scaled_parse(word, counts, number) &&
	       (type != SF_ASK_SIGNED || *number <= INT64_MAX);
}

/* Letters of flags, as tcpdump and nfdump have them, or a number. */
static bool flag_bits(const char *text, size_t length, uint64_t *bits)
{
	static const char letters[] = "FSRPAUEC";

	*bits = 0;
	if (length == 0)
		return false;
	if (isdigit((unsigned char)*text))
		return sf_ask_parse_number(text, length, SF_ASK_NUMBER, bits) && *bits <= 0xfff;
	for (size_t i = 0; i < length; i++) {
		const char *letter = strchr(letters, toupper((unsigned char)text[i]));

		if (!letter || !*letter)
			return false;
		*bits |= UINT64_C(1) << (letter - letters);
	}
	return true;
}

bool sf_ask_parse_flags(const char *text, size_t length, uint64_t *bits, uint64_t *mask)
{
	const char *slash = memchr(text, '/', length);
	size_t first = slash ? (size_t)(slash - text) : length;

	if (slash && first == 0)
		*bits = 0;
	else if (!flag_bits(text, first, bits))
		return false;
	if (!slash) {
		*mask = *bits ? *bits : 0xfff;
		return true;
	}
	return flag_bits(slash + 1, length - first - 1, mask) && (*bits & ~*mask) == 0;
}

static unsigned hex_digit(char digit)
{
	return isdigit((unsigned char)digit) ? (unsigned)(digit - '0')
					     : (unsigned)(tolower((unsigned char)digit) - 'a' + 10);
}

bool sf_ask_parse_octets(const char *text, size_t length, uint8_t *octets, size_t *count)
{
	size_t i = length > 2 && text[0] == '0' && tolower((unsigned char)text[1]) == 'x' ? 2 : 0;

	*count = 0;
	if (i == length || length % 2)
		return false;
	for (; i < length; i += 2) {
		if (!isxdigit((unsigned char)text[i]) || !isxdigit((unsigned char)text[i + 1]))
			return false;
		octets[(*count)++] = (uint8_t)(hex_digit(text[i]) << 4 | hex_digit(text[i + 1]));
	}
	return true;
}

bool sf_ask_parse_mac(const char *text, size_t length, uint64_t *number)
{
	*number = 0;
	if (length != 17)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (i % 3 == 2) {
			if (text[i] != ':' && text[i] != '-')
				return false;
			continue;
		}
		if (!isxdigit((unsigned char)text[i]))
			return false;
		*number = *number << 4 | hex_digit(text[i]);
	}
	return true;
}

bool sf_ask_parse_port(const char *text, size_t length, uint64_t *number)
{
	static const struct {
		const char *name;
		uint16_t port;
	} names[] = { { "ftp-data", 20 }, { "ftp", 21 }, { "ssh", 22 }, { "telnet", 23 },
		{ "smtp", 25 }, { "dns", 53 }, { "domain", 53 }, { "dhcp", 67 }, { "bootps", 67 },
		{ "bootpc", 68 }, { "tftp", 69 }, { "http", 80 }, { "kerberos", 88 },
		{ "pop3", 110 }, { "ntp", 123 }, { "netbios-ns", 137 }, { "netbios-ssn", 139 },
		{ "imap", 143 }, { "snmp", 161 }, { "snmptrap", 162 }, { "bgp", 179 },
		{ "ldap", 389 }, { "https", 443 }, { "smb", 445 }, { "isakmp", 500 },
		{ "syslog", 514 }, { "submission", 587 }, { "ldaps", 636 }, { "imaps", 993 },
		{ "pop3s", 995 }, { "openvpn", 1194 }, { "mssql", 1433 }, { "mysql", 3306 },
		{ "rdp", 3389 }, { "sip", 5060 }, { "mdns", 5353 }, { "postgres", 5432 },
		{ "vxlan", 4789 }, { "wireguard", 51820 } };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == length &&
			strncasecmp(names[i].name, text, length) == 0) {
			*number = names[i].port;
			return true;
		}
	return sf_ask_parse_number(text, length, SF_ASK_NUMBER, number) && *number <= 65535;
}

bool sf_ask_parse_offset(const char *text, size_t length, int64_t *ns)
{
	uint64_t amount;

	if (length < 2 || (*text != '-' && *text != '+') ||
		!sf_ask_parse_number(text + 1, length - 1, SF_ASK_DURATION, &amount) ||
		amount > INT64_MAX / 2)
		return false;
	*ns = *text == '-' ? -(int64_t)amount : (int64_t)amount;
	return true;
}

/* Midnight at the begin of the day of `ns`, and of the next one. */
static void day_of(int64_t ns, bool local, int days, int64_t *first, int64_t *last)
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	struct tm tm;

	if (local)
		localtime_r(&seconds, &tm);
	else
		gmtime_r(&seconds, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_mday += days;
	tm.tm_isdst = -1;
	*first = (int64_t)(local ? mktime(&(struct tm){ .tm_year = tm.tm_year,
					   .tm_mon = tm.tm_mon,
					   .tm_mday = tm.tm_mday,
					   .tm_isdst = -1 })
				 : timegm(&(struct tm){ .tm_year = tm.tm_year,
					   .tm_mon = tm.tm_mon,
					   .tm_mday = tm.tm_mday })) *
		 NS_PER_S;
	tm.tm_mday++;
	*last = (int64_t)(local ? mktime(&tm) : timegm(&tm)) * NS_PER_S - 1;
}

/* How long what a date names lasts: a day, a minute, a second, or no time. */
static int64_t granularity(const char *word)
{
	const char *clock = strpbrk(word, "Tt ");
	unsigned colons = 0;

	if (*word == '@')
		return strchr(word, '.') ? 1 : NS_PER_S;
	if (!clock)
		return 86400 * NS_PER_S;
	if (strchr(clock, '.'))
		return 1;
	for (const char *p = clock; *p && !strchr("+-Zz", *p); p++)
		colons += *p == ':';
	return colons > 1 ? NS_PER_S : 60 * NS_PER_S;
}

bool sf_ask_parse_time(const char *text, size_t length, const struct sf_where_options *options,
	int64_t *first, int64_t *last)
{
	static const struct {
		const char *name;
		int days;
	} days[] = { { "today", 0 }, { "yesterday", -1 }, { "tomorrow", 1 } };
	char word[WORD_MAX];

	if (!copy(text, length, word))
		return false;
	if (strcasecmp(word, "now") == 0) {
		*first = *last = options->now_ns;
		return true;
	}
	for (size_t i = 0; i < 3; i++)
		if (strcasecmp(word, days[i].name) == 0) {
			day_of(options->now_ns, options->local, days[i].days, first, last);
			return true;
		}
	if (!sf_time_parse(word, options->local, first))
		return false;
	*last = *first + granularity(word) - 1;
	return true;
}
