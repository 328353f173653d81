/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options of destinations: "rate=50k,biflow=no". They are rows of base/url_options.def; for each
 * row there is a function read_…() here. After the last option the fields of profile= and fields=
 * are chosen, which depend on others.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/element_id.h"
#include "base/scaled.h"
#include "base/url_option.h"
#include "export/url.h"
#include "export/wire_profile.h"

#define DAY_NS (INT64_C(86400) * 1000000000)

static bool read_switch(const char *value, bool *on)
{
	*on = !strcmp(value, "yes");
	return *on || !strcmp(value, "no");
}

static bool read_scaled(const char *value, const struct sf_unit *units, uint64_t least,
	uint64_t most, uint64_t *number)
{
	return sf_scaled_parse(value, units, number) && *number >= least && *number <= most;
}

static bool read_number(const char *value, uint64_t least, uint64_t most, uint64_t *number)
{
	return read_scaled(value, sf_units_count, least, most, number);
}

static bool read_biflow(struct sf_url *url, const char *value)
{
	return read_switch(value, &url->session.biflow);
}

/* enrich=no: records have nothing that an enricher gives. */
static bool read_enrich(struct sf_url *url, const char *value)
{
	bool on;

	if (!read_switch(value, &on))
		return false;
	url->session.no_extra = !on;
	if (!on)
		url->session.extra = 0;
	return true;
}

/* The groups of options data of that name; 0: there is none. "yes" are those of the profile. */
static uint32_t options_groups(const struct sf_url *url, const char *name, size_t length)
{
	static const char *const names[] = {
#define X(name, text) #name,
		SF_OPTIONS_GROUPS(X)
#undef X
	};

	if (length == 3 && !strncmp(name, "all", length))
		return SF_OPTIONS_ALL;
	if (length == 3 && !strncmp(name, "yes", length))
		return url->profile ? url->profile->options : SF_OPTIONS_ALL;
	for (unsigned i = 0; i < SF_OPTIONS_BITS; i++)
		if (strlen(names[i]) == length && !strncmp(name, names[i], length))
			return UINT32_C(1) << i;
	return 0;
}

/*
 * "no", or names of groups with + or - between them; a sign at the
 * start changes those of the profile.
 */
static bool read_options(struct sf_url *url, const char *value)
{
	uint32_t groups = *value == '+' || *value == '-' ? options_groups(url, "yes", 3) : 0;

	if (!strcmp(value, "no")) {
		url->session.options_data = 0;
		return true;
	}
	do {
		bool removes = *value == '-';
		size_t length;
		uint32_t group;

		value += *value == '+' || *value == '-';
		length = strcspn(value, "+-");
		group = options_groups(url, value, length);
		if (!group)
			return false;
		groups = removes ? groups & ~group : groups | group;
		value += length;
	} while (*value);
	url->session.options_data = groups;
	return true;
}

static bool read_rate(struct sf_url *url, const char *value)
{
	url->session.rate_is_default = false;
	return read_number(value, 0, 1000000000, &url->session.rate);
}

static bool read_period(const char *value, int64_t least, int64_t most, int64_t *ns)
{
	uint64_t number;

	if (!read_scaled(value, sf_units_time, (uint64_t)least, (uint64_t)most, &number))
		return false;
	*ns = (int64_t)number;
	return true;
}

/* [RFC7011-8.4-2] [RFC3954-7-7] */
static bool read_refresh(struct sf_url *url, const char *value)
{
	/* RFC 5153 §6.2: up to a day */
	return read_period(value, 0, DAY_NS, &url->session.template_refresh_ns);
}

static bool read_refresh_packets(struct sf_url *url, const char *value)
{
	return read_number(value, 0, 1000000000, &url->session.template_refresh_messages);
}

static bool read_queue(struct sf_url *url, const char *value)
{
	return read_scaled(value, sf_units_bytes, SF_QUEUE_OCTETS_MIN, SF_QUEUE_OCTETS_MAX,
		&url->session.queue_octets);
}

static bool read_mtu(struct sf_url *url, const char *value)
{
	uint64_t mtu;

	if (!read_scaled(value, sf_units_bytes, 128, 65535, &mtu))
		return false;
	url->mtu = (unsigned)mtu;
	return true;
}

/* The address is read when the socket is made. */
static bool read_source(struct sf_url *url, const char *value)
{
	url->source = value;
	return *value != 0;
}

static bool read_dscp(struct sf_url *url, const char *value)
{
	uint64_t dscp;

	if (!read_number(value, 0, 63, &dscp))
		return false;
	url->dscp = (int)dscp;
	return true;
}

static bool read_retry(struct sf_url *url, const char *value)
{
	return read_period(value, 100000000, DAY_NS, &url->retry_ns);
}

static bool read_renew(struct sf_url *url, const char *value)
{
	url->renew_ns = 0;
	return strcmp(value, "0") == 0 || read_period(value, 1000000000, DAY_NS, &url->renew_ns);
}

static bool read_udp(struct sf_url *url, const char *value)
{
	uint64_t port;

	if (!read_number(value, 1, 65535, &port))
		return false;
	url->udp_port = (uint16_t)port;
	return true;
}

static bool read_lifetime(struct sf_url *url, const char *value)
{
	return read_period(value, 10000000, INT64_C(3600000000000), &url->lifetime_ns);
}

static bool read_streams(struct sf_url *url, const char *value)
{
	url->own_streams = !strcmp(value, "template");
	return url->own_streams || !strcmp(value, "one");
}

static bool read_compress(struct sf_url *url, const char *value)
{
	url->lz4 = !strcmp(value, "lz4");
	return url->lz4 || !strcmp(value, "no");
}

#define READ_TLS(option)                                                                           \
	static bool read_##option(struct sf_url *url, const char *value)                           \
	{                                                                                          \
		return sf_tls_option(&url->tls, #option, value);                                   \
	}
READ_TLS(ca)
READ_TLS(cert)
READ_TLS(key)
READ_TLS(name)

#define READ_KAFKA(option)                                                                         \
	static bool read_##option(struct sf_url *url, const char *value)                           \
	{                                                                                          \
		return sf_url_kafka_option(&url->kafka, #option, value);                           \
	}
READ_KAFKA(format)
READ_KAFKA(partition)
READ_KAFKA(records)
READ_KAFKA(sampler)
READ_KAFKA(rdkafka_file)

static bool read_rotate(struct sf_url *url, const char *value)
{
	return read_period(value, 1000000000, 36500 * DAY_NS, &url->rotate_ns) &&
	       url->rotate_ns % 1000000000 == 0;
}

static bool read_keep(struct sf_url *url, const char *value)
{
	return read_period(value, 1000000000, 36500 * DAY_NS, &url->keep_ns);
}

static bool read_size(struct sf_url *url, const char *value)
{
	return read_scaled(value, sf_units_bytes, 10000, UINT64_C(1) << 50, &url->size);
}

static bool read_keep_size(struct sf_url *url, const char *value)
{
	return read_scaled(value, sf_units_bytes, 10000, UINT64_C(1) << 60, &url->keep_size);
}

static bool read_time(struct sf_url *url, const char *value)
{
	url->session.time = !strcmp(value, "ms")   ? SF_WHEN_MS
			    : !strcmp(value, "us") ? SF_WHEN_US
			    : !strcmp(value, "ns") ? SF_WHEN_NS
						   : 0;
	return url->session.time != 0;
}

/* find_profile() has read the option before the others. */
static bool read_profile(struct sf_url *url, const char *value)
{
	(void)value;
	return url->profile != NULL;
}

/* The list is read when all options are known: it depends on profile=, biflow= and time=. */
static bool read_fields(struct sf_url *url, const char *value)
{
	url->list = value;
	return *value != 0;
}

static bool read_sample(struct sf_url *url, const char *value)
{
	uint64_t number;

	if (!read_number(value, 1, UINT32_MAX, &number))
		return false;
	url->session.sample_flows = number > 1 ? (uint32_t)number : 0;
	return true;
}

static bool read_group(struct sf_url *url, const char *value, enum sf_share share)
{
	if (!*value || strlen(value) >= sizeof(url->group))
		return false;
	strcpy(url->group, value);
	url->share = share;
	return true;
}

static bool read_balance(struct sf_url *url, const char *value)
{
	return read_group(url, value, SF_SHARE_BALANCE);
}

static bool read_fail_over(struct sf_url *url, const char *value)
{
	return read_group(url, value, SF_SHARE_FAIL_OVER);
}

/* "N[/BYTES][:fold|:skip]" */
static bool read_small(struct sf_url *url, const char *value)
{
	struct sf_small small = { 0 };
	char text[64], *how, *bytes;

	if (strlen(value) >= sizeof(text))
		return false;
	strcpy(text, value);
	how = strchr(text, ':');
	if (how)
		*how++ = 0;
	bytes = strchr(text, '/');
	if (bytes)
		*bytes++ = 0;
	small.skip = how && !strcmp(how, "skip");
	if ((how && !small.skip && strcmp(how, "fold") != 0) ||
		!read_number(text, 1, UINT32_MAX, &small.packets) ||
		(bytes && !read_scaled(bytes, sf_units_bytes, 1, UINT64_C(1) << 40, &small.octets)))
		return false;
	url->session.small = small;
	return true;
}

/* anonymize-mac=no holds, also if it stands before anonymize=. */
static bool read_anonymize(struct sf_url *url, const char *value)
{
	bool ok = sf_anonymize_parse(&url->anonymize, value);

	url->anonymize.mac = !url->keeps_mac;
	return ok;
}

static bool read_anonymize_mac(struct sf_url *url, const char *value)
{
	bool ok = read_switch(value, &url->anonymize.mac);

	url->keeps_mac = !url->anonymize.mac;
	return ok;
}

/* The conditions are compiled when the destination is made. */
static bool read_where(struct sf_url *url, const char *value)
{
	url->where = value;
	return *value != 0;
}

/* A function for each row of base/url_options.def, in the order of the rows. False: not allowed. */
static bool (*const readers[])(struct sf_url *url, const char *value) = {
#define URL_OPTION(id, ...) read_##id,
#include "base/url_options.def"
};

/* `list`: it is probably a part of the conditions. */
static int unknown_option(
	const char *text, const char *name, bool list, unsigned applies, struct sf_error *error)
{
	char names[200] = "";
	size_t length = 0;

	for (size_t i = 0; i < SF_URL_OPTIONS; i++)
		if (sf_url_options[i].applies & applies)
			length += (size_t)snprintf(names + length, sizeof(names) - length, "%s%s",
				length ? ", " : "", sf_url_options[i].name);
	return sf_error_set(error, SF_EUSAGE, "%s: unknown option '%s'%s (allowed: %s)", text, name,
		list ? ": a list in where= needs brackets, as in where=port in [80,443]" : "",
		names);
}

static int misplaced_option(
	const char *text, const struct sf_url_option *option, struct sf_error *error)
{
	char schemes[100];

	sf_wire_profile_schemes(option->applies, schemes, sizeof(schemes));
	return sf_error_set(error, SF_EUSAGE, "%s: option '%s' does not apply here: it is for %s",
		text, option->name, schemes);
}

static_assert(SF_URL_OPTIONS <= 64, "read_option() has a bit for each of the options");

/*
 * Reads one option, "name=value", which lies in url->options. Cuts `item` at the "=". `given`:
 * those that were read before, a bit for each.
 */
static int read_option(struct sf_url *url, const char *text, char *item, unsigned applies,
	uint64_t *given, struct sf_error *error)
{
	const enum sf_share share = url->share;
	char *value = strchr(item, '=');
	size_t i;

	if (value)
		*value++ = 0;
	for (i = 0; i < SF_URL_OPTIONS; i++)
		if (!strcmp(sf_url_options[i].name, item))
			break;
	if (i == SF_URL_OPTIONS)
		return unknown_option(text, item, url->where && !value, applies, error);
	if (!(sf_url_options[i].applies & applies))
		return misplaced_option(text, &sf_url_options[i], error);
	if (!value || !readers[i](url, value))
		return sf_error_set(error, SF_EUSAGE, "%s: option '%s' is '%s' (allowed: %s)", text,
			item, value ? value : "", sf_url_options[i].allowed);
	if (*given & UINT64_C(1) << i)
		return sf_error_set(error, SF_EUSAGE, "%s: option '%s' is given twice", text, item);
	*given |= UINT64_C(1) << i;
	if (share != SF_SHARE_NONE && share != url->share)
		return sf_error_set(error, SF_EUSAGE,
			"%s: options 'balance' and 'fail-over' exclude each other", text);
	return 0;
}

/*
 * True for an address or a port: such a key tells which direction the record's plain elements
 * describe.
 */
static bool is_directional_key(const struct sf_field_row *row)
{
	static const uint16_t ids[] = { SF_IE_sourceIPv4Address, SF_IE_destinationIPv4Address,
		SF_IE_sourceIPv6Address, SF_IE_destinationIPv6Address, SF_IE_sourceTransportPort,
		SF_IE_destinationTransportPort };

	for (size_t i = 0; !row->pen && i < sizeof(ids) / sizeof(ids[0]); i++)
		if (row->id == ids[i])
			return true;
	return false;
}

/* [RFC5103-4-1] Reverse elements in a record that does not say which direction is which. */
static bool lacks_direction(const struct sf_fields *fields, uint64_t session)
{
	bool has_reverse = false, has_key = false;

	for (unsigned i = 0; i < fields->count; i++) {
		const struct sf_field_item *item = &fields->items[i];

		if (!sf_field_is_possible(item, session))
			continue;
		has_reverse |= item->reverse;
		has_key |= is_directional_key(sf_field_row(item->field));
	}
	return has_reverse && !has_key;
}

int sf_url_choose(struct sf_url *url, const char *list, char *left_out, const char *what,
	struct sf_error *error)
{
	const struct sf_fields *base = url->session.fields;
	int code = sf_fields_choose(&url->fields, list, base, sf_session_conditions(&url->session),
		left_out, what, error);

	url->session.fields = &url->fields;
	if (code == 0 && lacks_direction(&url->fields, sf_session_conditions(&url->session)))
		return sf_error_set(error, SF_EUSAGE,
			"%s: fields of both directions need an address or a port in the list, "
			"which tells the directions apart (or biflow=no)",
			what);
	return code;
}

/*
 * The end of an option, "," or "&", or NULL. In conditions (where=) only a comma outside brackets
 * and quotes ends the option: "where=port in [80,443] && tcp,rate=5k".
 */
static char *option_end(char *item)
{
	unsigned depth = 0;
	char quote = 0;

	if (strncmp(item, "where=", 6) != 0)
		return strpbrk(item, ",&");
	for (; *item; item++) {
		if (quote)
			quote = *item == quote ? 0 : quote;
		else if (*item == '"' || *item == '\'')
			quote = *item;
		else if (strchr("[({", *item))
			depth++;
		else if (strchr("])}", *item))
			depth -= depth > 0;
		else if (*item == ',' && depth == 0)
			return item;
	}
	return NULL;
}

static int unknown_profile(const char *text, const char *name, struct sf_error *error)
{
	const char *near = sf_wire_profile_near(name);
	const struct sf_wire_profile *profile;
	char names[200] = "";
	size_t length = 0;

	if (near)
		return sf_error_set(error, SF_EUSAGE,
			"%s: option 'profile' is '%s' (did you mean %s?)", text, name, near);
	for (unsigned i = 0; (profile = sf_wire_profile(i)) && length < sizeof(names); i++)
		length += (size_t)snprintf(names + length, sizeof(names) - length, "%s%s",
			length ? ", " : "", profile->name);
	return sf_error_set(
		error, SF_EUSAGE, "%s: option 'profile' is '%s' (allowed: %s)", text, name, names);
}

static int check_profile(
	const struct sf_url *url, const char *text, unsigned applies, struct sf_error *error)
{
	char schemes[100];

	if (url->profile->to & applies)
		return 0;
	if (applies & SF_URL_TO_FILE)
		return sf_error_set(error, SF_EUSAGE, "%s: profile %s is not for files", text,
			url->profile->name);
	sf_wire_profile_schemes(url->profile->to, schemes, sizeof(schemes));
	return sf_error_set(error, SF_EUSAGE,
		"%s: option 'profile': %s is sent other protocols (allowed: %s): %s", text,
		url->profile->name, schemes, url->profile->help);
}

/*
 * Reads profile=NAME in url->options: it decides what the other options change, wherever it stands.
 */
static int find_profile(
	struct sf_url *url, const char *text, unsigned applies, struct sf_error *error)
{
	const char *const option = "profile=";
	const char *value = NULL;
	char name[40];

	/* as with all options, the last one holds */
	for (char *item = url->options; item;) {
		if (strncmp(item, option, strlen(option)) == 0)
			value = item + strlen(option);
		item = option_end(item);
		if (item)
			item++;
	}
	if (!value)
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(value, ",&"), value);
	url->profile = sf_wire_profile_find(name);
	if (!url->profile)
		return unknown_profile(text, name, error);
	sf_wire_profile_apply(url->profile, &url->session);
	return check_profile(url, text, applies, error);
}

/* The fields of the profile and of fields=, when all other options are known. */
static int choose_fields(struct sf_url *url, const char *text, struct sf_error *error)
{
	struct sf_fields *fields = &url->profile_fields;
	char what[256];
	int code = 0;

	if (url->profile && url->session.fields) {
		code = sf_wire_profile_fields(url->profile, &url->session, fields, error);
		url->session.fields = url->profile->enterprise && fields->profile >= 0
					      ? sf_fields_profile((enum sf_profile)fields->profile)
					      : fields;
	}
	if (code < 0 || !url->list)
		return code;
	snprintf(what, sizeof(what), "%.200s: option 'fields'", text);
	return sf_url_choose(url, url->list, NULL, what, error);
}

int sf_url_read_options(struct sf_url *url, const char *text, const char *list, unsigned applies,
	struct sf_error *error)
{
	char *next = url->options;
	uint64_t given = 0;
	int code;

	if (!list)
		return 0;
	if (strlen(list) >= sizeof(url->options))
		return sf_error_set(error, SF_EUSAGE, "%s: options are too long", text);
	strcpy(url->options, list);
	code = find_profile(url, text, applies, error);
	while (next && code == 0) {
		char *item = next;

		next = option_end(item);
		if (next)
			*next++ = 0;
		code = applies & SF_URL_TO_KAFKA && sf_url_kafka_property(&url->kafka, item)
			       ? 0
			       : read_option(url, text, item, applies, &given, error);
	}
	if (code < 0 || applies & SF_URL_TO_KAFKA)
		return code;
	return choose_fields(url, text, error);
}
