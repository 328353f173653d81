/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of groups as text; CSV and JSON. */
#include "ask/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ask/cells.h"
#include "base/value.h"

#define TEXT_MAX 1000 /* bytes of a text that are printed */
#define NS_PER_S 1000000000

/* ---------------------------------------------------------------- values */

static char *put(char *p, const char *text)
{
	return stpcpy(p, text);
}

/* Text with the quotes of its form. */
static char *put_text(char *p, enum sf_form form, const char *bytes, size_t length)
{
	char *start = p;
	bool quoted;

	length = length < TEXT_MAX ? length : TEXT_MAX;
	if (form == SF_FORM_JSON)
		return p + sf_value_write(SF_TYPE_STRING, SF_VALUE_JSON, (const uint8_t *)bytes,
				   length, p, 8 * TEXT_MAX);
	quoted = form == SF_FORM_CSV && strpbrk(bytes, "\",\n\r");
	if (quoted)
		*p++ = '"';
	/* in a table - is what a record does not have */
	if (length == 0 && form == SF_FORM_TABLE)
		return put(p, "\"\"");
	p += sf_value_write(
		SF_TYPE_STRING, SF_VALUE_TEXT, (const uint8_t *)bytes, length, p, 4 * TEXT_MAX);
	if (!quoted)
		return p;
	/* quotes within are doubled */
	for (char *q = start + 1; q < p; q++)
		if (*q == '"') {
			memmove(q + 1, q, (size_t)(p - q));
			p++;
			q++;
		}
	*p++ = '"';
	return p;
}

static char *put_time(char *p, enum sf_form form, int64_t ns, bool local)
{
	char *start = p;
	time_t seconds = (time_t)(ns / NS_PER_S);
	struct tm tm;

	if (form == SF_FORM_TABLE && local) {
		localtime_r(&seconds, &tm);
		return p + strftime(p, 32, "%Y-%m-%d %H:%M:%S", &tm);
	}
	if (form == SF_FORM_JSON)
		*p++ = '"';
	p = sf_text_time(
		p, ns / NS_PER_S, (uint32_t)(ns % NS_PER_S), form == SF_FORM_TABLE ? 0 : 3);
	if (form == SF_FORM_TABLE)
		start[10] = ' ';
	*p++ = 'Z';
	if (form == SF_FORM_JSON)
		*p++ = '"';
	return p;
}

static char *put_seconds(char *p, uint64_t ns)
{
	return p +
	       sprintf(p, "%" PRIu64 ".%03u", ns / NS_PER_S, (unsigned)(ns % NS_PER_S / 1000000));
}

static char *put_address(char *p, const uint64_t *slot, unsigned kind)
{
	uint8_t octets[16];
	const unsigned bits = sf_slot_address(slot, kind, octets);

	p = kind & SF_SLOT_V4 ? sf_text_ipv4(p, octets) : sf_text_ipv6(p, octets);
	return kind & SF_SLOT_NET ? p + sprintf(p, "/%u", bits) : p;
}

static char *put_flags(char *p, uint64_t flags)
{
	static const char letters[] = "FSRPAUEC";

	if (!flags)
		*p++ = '.';
	for (unsigned i = 0; i < 8; i++)
		if (flags >> i & 1)
			*p++ = letters[i];
	return flags >> 8 ? p + sprintf(p, "+%#x", (unsigned)(flags & ~0xffu)) : p;
}

static char *put_mac(char *p, enum sf_form form, uint64_t mac)
{
	const char *quote = form == SF_FORM_JSON ? "\"" : "";

	return p + sprintf(p, "%s%02x:%02x:%02x:%02x:%02x:%02x%s", quote,
			   (unsigned)(mac >> 40 & 0xff), (unsigned)(mac >> 32 & 0xff),
			   (unsigned)(mac >> 24 & 0xff), (unsigned)(mac >> 16 & 0xff),
			   (unsigned)(mac >> 8 & 0xff), (unsigned)(mac & 0xff), quote);
}

static char *put_number(char *p, enum sf_form form, unsigned type, uint64_t number, bool local)
{
	double real;

	switch (type) {
	case SF_ASK_TIME:
		return put_time(p, form, (int64_t)number, local);
	case SF_ASK_DURATION:
		return put_seconds(p, number);
	case SF_ASK_MAC:
		return put_mac(p, form, number);
	case SF_ASK_FLAGS:
		return form == SF_FORM_TABLE ? put_flags(p, number) : sf_text_u64(p, number);
	case SF_ASK_PROTOCOL:
	case SF_ASK_TUNNEL:
		if (form == SF_FORM_TABLE && sf_ask_number_name(type, number))
			return put(p, sf_ask_number_name(type, number));
		return sf_text_u64(p, number);
	case SF_ASK_SIGNED:
		return p + sprintf(p, "%" PRId64, (int64_t)number);
	case SF_ASK_REAL:
		memcpy(&real, &number, sizeof(real));
		return p + sprintf(p, "%.17g", real);
	default:
		return sf_text_u64(p, number);
	}
}

/* A list of values (RFC 6313). */
static char *put_list(char *p, enum sf_form form, const struct sf_text *list)
{
	const uint8_t *bytes = (const uint8_t *)list->bytes;
	char text[TEXT_MAX];

	if (form == SF_FORM_JSON)
		return p + sf_value_write(SF_TYPE_BASIC_LIST, SF_VALUE_JSON, bytes, list->length, p,
				   4 * TEXT_MAX);
	return put_text(p, form, text,
		sf_value_write(SF_TYPE_BASIC_LIST, SF_VALUE_TEXT, bytes, list->length, text,
			sizeof(text)));
}

static char *put_text_key(const struct sf_groups *groups, const struct sf_key *key,
	enum sf_form form, const uint64_t *slot, char *p)
{
	const struct sf_text *text = &groups->texts.items[(uint32_t)slot[0]];
	const char *quote = form == SF_FORM_JSON ? "\"" : "";

	if (slot[0] >> 32) { /* the address of an exporter */
		p = put(p, quote);
		p = text->length == 4 ? sf_text_ipv4(p, (const uint8_t *)text->bytes)
				      : sf_text_ipv6(p, (const uint8_t *)text->bytes);
		return put(p, quote);
	}
	if (sf_ask_is_list(&key->field))
		return put_list(p, form, text);
	if (key->type == SF_ASK_OCTETS)
		return p + sf_value_write(SF_TYPE_OCTETS,
				   form == SF_FORM_JSON ? SF_VALUE_JSON : SF_VALUE_TEXT,
				   (const uint8_t *)text->bytes,
				   text->length < TEXT_MAX ? text->length : TEXT_MAX, p,
				   4 * TEXT_MAX);
	return put_text(p, form, text->bytes, text->length);
}

/* Both addresses: one cell of a table, two of CSV, a list in JSON. */
static char *put_pair(char *p, enum sf_form form, const uint64_t *slot, unsigned kind)
{
	static const char *const around[][3] = { [SF_FORM_TABLE] = { "", " <> ", "" },
		[SF_FORM_CSV] = { "", ",", "" },
		[SF_FORM_JSON] = { "[\"", "\",\"", "\"]" } };

	p = put(p, around[form][0]);
	p = put_address(p, slot, sf_pair_kind(kind, 0));
	p = put(p, around[form][1]);
	p = put_address(p, slot + 2, sf_pair_kind(kind, 1));
	return put(p, around[form][2]);
}

/* A key; nothing when the group has none. */
static char *put_key(const struct sf_groups *groups, unsigned i, enum sf_form form,
	const uint64_t *entry, char *p)
{
	const struct sf_key *key = &groups->keys[i];
	unsigned kind = sf_group_kind(entry, i);
	const uint64_t *slot = sf_group_slot(groups, entry, i);
	const char *quote = form == SF_FORM_JSON ? "\"" : "";

	if (key->kind == SF_KEY_PAIR)
		return kind ? put_pair(p, form, slot, kind)
			    : put(p, form == SF_FORM_CSV ? "," : "");
	if (!kind)
		return p;
	if (kind == SF_SLOT_TEXT)
		return put_text_key(groups, key, form, slot, p);
	if (kind == SF_SLOT_NUMBER)
		return put_number(p, form, key->type, slot[0], groups->options.local);
	p = put(p, quote);
	p = put_address(p, slot, kind);
	if (key->kind == SF_KEY_NETWORK && !(kind & SF_SLOT_NET))
		p += sprintf(p, "/%u", key->bits[kind == SF_SLOT_V6]);
	return put(p, quote);
}

/* Times and durations among the sums. */
static unsigned type_of_sum(const struct sf_sum *sum)
{
	if (sum->kind == SF_SUM_FIRST || sum->kind == SF_SUM_LAST)
		return SF_ASK_TIME;
	if (sum->kind == SF_SUM_DURATION || sum->kind == SF_SUM_INTERVAL ||
		sum->kind == SF_SUM_SPAN)
		return SF_ASK_DURATION;
	if (sum->kind == SF_SUM_MIN || sum->kind == SF_SUM_MAX || sum->kind == SF_SUM_SUM ||
		sum->kind == SF_SUM_AVG)
		return sum->field.type;
	return SF_ASK_NUMBER;
}

static char *put_sum(const struct sf_groups *groups, unsigned i, enum sf_form form,
	const uint64_t *entry, char *p)
{
	const struct sf_sum *sum = &groups->sums[i];
	const uint64_t *state = entry + sum->at;
	unsigned decimals = sum->kind == SF_SUM_BPS || sum->kind == SF_SUM_PPS ? 0
			    : sum->kind == SF_SUM_JITTER                       ? 1
									       : 2;
	uint64_t number;
	double value;

	if (sf_sum_estimated(sum, state) && form == SF_FORM_TABLE)
		*p++ = '~';
	if (sf_sum_number(sum, state, &number))
		return put_number(p, form, type_of_sum(sum), number, groups->options.local);
	if (!sf_sum_value(sum, state, &value))
		return p;
	if (type_of_sum(sum) == SF_ASK_DURATION)
		return put_seconds(p, (uint64_t)value);
	return p + sprintf(p, "%.*f", (int)decimals, value);
}

static char *put_share(const struct sf_groups *groups, size_t shown, bool cumulated, char *p)
{
	double value = 0, whole = groups->whole;

	if (cumulated)
		value = groups->passed[shown];
	else
		value = groups->passed[shown] - (shown ? groups->passed[shown - 1] : 0);
	return whole > 0 ? p + sprintf(p, "%.1f", 100 * value / whole) : p;
}

char *sf_cell_put(
	const struct sf_groups *groups, unsigned column, enum sf_form form, size_t shown, char *p)
{
	const uint64_t *entry = sf_group_entry(groups, groups->shown[shown]);

	if (column < groups->key_count)
		return put_key(groups, column, form, entry, p);
	column -= groups->key_count;
	if (column < groups->sum_count)
		return put_sum(groups, column, form, entry, p);
	return put_share(groups, shown, column > groups->sum_count, p);
}

const char *sf_column_title(const struct sf_groups *groups, unsigned column)
{
	if (column < groups->key_count)
		return groups->keys[column].name;
	column -= groups->key_count;
	if (column < groups->sum_count)
		return groups->sums[column].name;
	return column == groups->sum_count ? "share" : "cumulated";
}

/* ---------------------------------------------------------------- JSON */

/* The name of a key in JSON: its element's, of networks the element of the prefix. */
static char *put_key_name(
	const struct sf_groups *groups, unsigned i, const uint64_t *entry, char *p)
{
	const struct sf_key *key = &groups->keys[i];
	const unsigned kind = sf_group_kind(entry, i);
	const char *element = key->field.element[(kind & SF_SLOT_V6) != 0];
	const char *address;

	if ((key->kind == SF_KEY_NETWORK || (key->kind == SF_KEY_FIELD && kind & SF_SLOT_NET)) &&
		element && (address = strstr(element, "Address")) != NULL)
		return p + sprintf(p, "%.*sPrefix", (int)(address - element), element);
	if (key->kind != SF_KEY_FIELD || !element)
		return put(p, key->name);
	return put(p, element);
}

static char *put_estimated(const struct sf_groups *groups, const uint64_t *entry, char *p)
{
	const char *before = ",\"estimated\":[\"";

	for (unsigned i = 0; i < groups->sum_count; i++)
		if (sf_sum_estimated(&groups->sums[i], entry + groups->sums[i].at)) {
			p = put(put(p, before), groups->sums[i].name);
			before = "\",\"";
		}
	return before[0] == ',' ? p : put(p, "\"]");
}

char *sf_answer_json(const struct sf_groups *groups, size_t i, char *p)
{
	const uint64_t *entry = sf_group_entry(groups, groups->shown[i]);
	char separator = '{';

	for (unsigned k = 0; k < groups->column_count; k++) {
		unsigned column = groups->columns[k];
		char *start = p, *value;

		*p++ = separator;
		*p++ = '"';
		p = column < groups->key_count ? put_key_name(groups, column, entry, p)
					       : put(p, sf_column_title(groups, column));
		*p++ = '"';
		*p++ = ':';
		value = p;
		p = sf_cell_put(groups, column, SF_FORM_JSON, i, p);
		if (p == value)
			p = start; /* the group has no such value */
		else
			separator = ',';
	}
	if (separator == '{')
		*p++ = '{';
	p = put_estimated(groups, entry, p);
	return put(p, "}\n");
}

/* ---------------------------------------------------------------- CSV */

char *sf_answer_csv_header(const struct sf_groups *groups, char *p)
{
	for (unsigned k = 0; k < groups->column_count; k++) {
		unsigned column = groups->columns[k];

		if (k)
			*p++ = ',';
		if (column < groups->key_count && groups->keys[column].kind == SF_KEY_PAIR)
			p = put(p, "host_a,host_b");
		else
			p = put(p, sf_column_title(groups, column));
	}
	*p++ = '\n';
	return p;
}

char *sf_answer_csv(const struct sf_groups *groups, size_t i, char *p)
{
	for (unsigned k = 0; k < groups->column_count; k++) {
		if (k)
			*p++ = ',';
		p = sf_cell_put(groups, groups->columns[k], SF_FORM_CSV, i, p);
	}
	*p++ = '\n';
	return p;
}
