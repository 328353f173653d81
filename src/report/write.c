/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page itself: the template with title, data and description put into their places. Everything
 * that comes from outside is in the description, which is base64 on the page, but for the title.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "report/internal.h"

#include "spanflow_config.h"

void sf_bytes_json(struct sf_page_bytes *bytes, const char *text)
{
	size_t size = 6 * strlen(text) + 16;
	char *quoted = malloc(size);

	if (quoted)
		sf_bytes_add(bytes, quoted,
			sf_value_write(SF_TYPE_STRING, SF_VALUE_JSON, (const uint8_t *)text,
				strlen(text), quoted, size));
	else
		bytes->failed = true;
	free(quoted);
}

/* ---------------------------------------------------------------- description */

static void describe_texts(const struct sf_page *page, struct sf_page_bytes *out)
{
	sf_bytes_printf(out, ",\"texts\":[\"\"");
	for (uint32_t i = 1; i < page->texts.count; i++) {
		sf_bytes_add(out, ",", 1);
		if (page->options.anonymize)
			sf_bytes_printf(out, "\"name-%" PRIu32 "\"", i);
		else
			sf_bytes_json(out, sf_page_text(page, i));
	}
	sf_bytes_add(out, "]", 1);
}

static void describe_traits(const struct sf_page *page, struct sf_page_bytes *out)
{
	sf_bytes_printf(out, ",\"traits\":[");
	for (uint32_t i = 0; i < page->traits.count; i++) {
		const struct sf_page_traits *traits = sf_page_traits(page, i);

		sf_bytes_printf(out,
			"%s[%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32
			",%u,%u,%u,%u,%u,%u,%u]",
			i ? "," : "", traits->known, traits->domain, traits->ingress,
			traits->egress, traits->exporter, traits->app, traits->vlan, traits->cvlan,
			traits->tos, traits->reason, traits->version, traits->has, traits->kind);
	}
	sf_bytes_add(out, "]", 1);
}

static void describe_notes(const struct sf_page *page, struct sf_page_bytes *out)
{
	sf_bytes_printf(out, ",\"notes\":[");
	for (unsigned i = 0; i < page->note_count; i++) {
		sf_bytes_printf(out, "%s[", i ? "," : "");
		sf_bytes_json(out, page->notes[i].name);
		sf_bytes_add(out, ",", 1);
		sf_bytes_json(out, page->notes[i].meaning);
		sf_bytes_printf(out, ",%" PRIu64 "]", page->notes[i].count);
	}
	sf_bytes_add(out, "]", 1);
}

static const char *title_of(const struct sf_page *page)
{
	return page->options.title ? page->options.title : "Network flows";
}

void sf_page_describe(const struct sf_page *page, uint32_t hosts, struct sf_page_bytes *out)
{
	char sums[256];

	sf_bytes_printf(out, "{\"version\":\"" SPANFLOW_VERSION "\",\"title\":");
	sf_bytes_json(out, title_of(page));
	sf_bytes_printf(out, ",\"where\":");
	sf_bytes_json(out, !page->options.where      ? ""
			   : page->options.anonymize ? "(not shown)"
						     : page->options.where);
	sf_bytes_printf(out,
		",\"made\":%" PRId64 ",\"start\":%" PRId64 ",\"rows\":%" PRIu32
		",\"hosts\":%" PRIu32 ",\"flows\":%" PRIu64 ",\"unnamed\":%" PRIu64
		",\"anonymized\":%s,\"refresh\":%u,\"sums\":",
		page->options.made_ns / 1000000, page->count ? page->rows[0].start_ms : 0,
		page->count, hosts, page->added, page->unnamed,
		page->options.anonymize ? "true" : "false", page->options.refresh);
	sf_page_level_text(page, sums, sizeof(sums));
	sf_bytes_json(out, sums);
	describe_texts(page, out);
	describe_traits(page, out);
	describe_notes(page, out);
	sf_bytes_add(out, "}", 1);
}

/* ---------------------------------------------------------------- writing */

/*
 * Text of HTML: what has a meaning there, and control characters, are
 * written as references or left.
 */
static void put_html(FILE *stream, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'')
			fprintf(stream, "&#%u;", c);
		else
			putc(c < ' ' || c == 0x7f ? ' ' : c, stream);
	}
}

/* The template up to a mark; where it goes on. */
static size_t put_until(FILE *stream, size_t from, const char *mark)
{
	const unsigned char *rest = sf_page_template + from;
	size_t length = sf_page_template_size - from;
	const unsigned char *found = memmem(rest, length, mark, strlen(mark));

	if (found)
		length = (size_t)(found - rest);
	fwrite(rest, 1, length, stream);
	return from + length + (found ? strlen(mark) : 0);
}

static void put_page(
	const struct sf_page *page, const struct sf_page_bytes *text, bool packed, FILE *stream)
{
	size_t at = put_until(stream, 0, "@TITLE@");

	put_html(stream, title_of(page));
	at = put_until(stream, at, "@FORM@");
	fputs(packed ? "deflate" : "plain", stream);
	at = put_until(stream, at, "@DATA@");
	fwrite(text->data, 1, text->length, stream);
	put_until(stream, at, "@END@");
}

/* Data that fit: rows are added up until they do. 0 or -ENOMEM. */
static int make_data(struct sf_page *page, struct sf_page_bytes *text, bool *packed)
{
	uint32_t most = page->options.most_rows;
	uint32_t rows = 0;
	int code = sf_page_pair(page);

	while (code == 0) {
		struct sf_page_bytes data = { 0 };

		if (page->count > most) {
			code = sf_page_reduce(page, most);
			code = code ? code : sf_page_pair(page);
		}
		if (code == 0)
			sf_page_encode(page, &data);
		text->length = 0;
		sf_page_pack(&data, text, packed);
		free(data.data);
		if (text->failed)
			return -ENOMEM;
		if (text->length + sf_page_template_size <= page->options.most_bytes ||
			page->count == rows || page->count <= 1000)
			return code;
		rows = page->count;
		most = rows - rows / 8;
	}
	return code;
}

int sf_page_write(struct sf_page *page, FILE *stream, struct sf_error *error)
{
	struct sf_page_bytes text = { 0 };
	bool packed;
	int code = make_data(page, &text, &packed);

	errno = 0;
	if (code == 0)
		put_page(page, &text, packed, stream);
	free(text.data);
	if (code)
		return sf_error_set(error, code, "no memory for the page");
	if (fflush(stream) || ferror(stream))
		return sf_error_set(error, errno ? -errno : -EIO, "the page cannot be written: %s",
			sf_strerror(errno ? -errno : -EIO));
	return 0;
}
