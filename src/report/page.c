/* SPDX-License-Identifier: BSD-2-Clause */
/* From flow records to rows. */
#include "report/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "report/internal.h"

#include "spanflow_config.h"

#define NS_PER_MS  1000000
#define ROWS_TIMES 6     /* rows in memory, in times of those on the page */
#define TEXTS_MAX  20000 /* different names */

const char *sf_page_missing(void)
{
#ifdef HAVE_REPORT
	return NULL;
#else
	return SPANFLOW_REPORT_NOT_BUILT;
#endif
}

/* ---------------------------------------------------------------- networks of one's own */

static bool is_local(const struct sf_page *page, const struct sf_page_host *host)
{
	const size_t length = host->version == 4 ? 4 : host->version == 6 ? 16 : 0;

	if (!page->local)
		return sf_private_has(host->address, length);
	for (unsigned i = 0; i < page->local_count; i++)
		if (sf_network_has(&page->local[i], host->address, length))
			return true;
	return false;
}

static int take_network(struct sf_page *page, const char *text, struct sf_error *error)
{
	struct sf_network *local =
		realloc(page->local, (page->local_count + 1) * sizeof(*page->local));

	if (!local)
		return sf_error_set(error, -ENOMEM, "no memory for networks");
	page->local = local;
	if (!sf_network_parse(text, strlen(text), &local[page->local_count]))
		return sf_error_set(error, SF_EUSAGE,
			"--local-net: '%s' is no prefix (allowed: prefixes with commas between "
			"them, such as 192.0.2.0/24,2001:db8::/32)",
			text);
	page->local_count++;
	return 0;
}

/* Reads --local-net; without it page->local stays NULL. */
static int take_networks(struct sf_page *page, struct sf_error *error)
{
	char *names = page->options.local ? strdup(page->options.local) : NULL;
	char *rest = names, *name;
	int code = 0;

	if (!page->options.local)
		return 0;
	if (!names)
		return sf_error_set(error, -ENOMEM, "no memory for networks");
	while (code == 0 && (name = strsep(&rest, ",")) != NULL)
		code = take_network(page, name, error);
	free(names);
	return code;
}

/* ---------------------------------------------------------------- new and free */

/* A build that knows no element for a field leaves it out. */
static void find_fields(struct sf_page *page)
{
	static const char *const names[SF_PAGE_FIELDS] = { "sni", "dns", "http-host", "app",
		"exporter", "srccountry", "dstcountry", "srcas", "dstas" };
	struct sf_error unknown;

	for (unsigned i = 0; i < SF_PAGE_FIELDS; i++)
		page->has_field[i] = sf_ask_field_find(&page->fields[i], names[i], SF_ASK_UNIFLOW,
					     &unknown) == 0;
}

void sf_page_elements(const struct sf_page *page, struct sf_ask_elements *elements)
{
	for (unsigned i = 0; i < SF_PAGE_FIELDS; i++)
		if (page->has_field[i])
			sf_ask_elements_add(elements, &page->fields[i], false);
}

static int64_t intern_text(struct sf_page *page, const char *text, size_t length)
{
	struct sf_page_text item = { { 0 } };

	memcpy(item.text, text, length < SF_PAGE_TEXT - 1 ? length : SF_PAGE_TEXT - 1);
	return sf_intern(&page->texts, &item);
}

int sf_page_new(
	struct sf_page **result, const struct sf_page_options *options, struct sf_error *error)
{
	struct sf_page *page;
	int code;

	if (sf_page_missing())
		return sf_error_set(error, SF_EUNSUPPORTED,
			"this program was built without the page: %s", sf_page_missing());
	page = calloc(1, sizeof(*page));
	if (!page)
		return sf_error_set(error, -ENOMEM, "no memory for the page");
	page->options = *options;
	page->options.most_rows = options->most_rows ? options->most_rows : SF_PAGE_ROWS;
	page->options.most_bytes = options->most_bytes ? options->most_bytes : SF_PAGE_BYTES;
	code = sf_hash_key_random(&page->key);
	sf_intern_init(&page->hosts, sizeof(struct sf_page_host), &page->key);
	sf_intern_init(&page->traits, sizeof(struct sf_page_traits), &page->key);
	sf_intern_init(&page->texts, sizeof(struct sf_page_text), &page->key);
	find_fields(page);
	if (code)
		sf_error_set(error, code, "no random numbers: %s", sf_strerror(code));
	else if (intern_text(page, "", 0) < 0) /* number 0 */
		code = sf_error_set(error, -ENOMEM, "no memory for the page");
	else
		code = take_networks(page, error);
	if (code)
		sf_page_free(page);
	else
		*result = page;
	return code;
}

void sf_page_free(struct sf_page *page)
{
	if (!page)
		return;
	sf_intern_free(&page->hosts);
	sf_intern_free(&page->traits);
	sf_intern_free(&page->texts);
	free(page->rows);
	free(page->facts);
	free(page->local);
	free(page->notes);
	free(page);
}

/* ---------------------------------------------------------------- hosts and texts */

bool sf_page_find_host(struct sf_page *page, const struct sf_page_host *host, uint32_t *number)
{
	uint32_t known = page->hosts.count;
	int64_t found = sf_intern(&page->hosts, host);

	if (found < 0)
		return false;
	*number = (uint32_t)found;
	if (*number < known)
		return true;
	if (*number >= page->facts_room) {
		uint32_t room = page->facts_room ? 2 * page->facts_room : 512;
		struct sf_page_facts *facts = realloc(page->facts, room * sizeof(*facts));

		if (!facts)
			return false;
		page->facts = facts;
		page->facts_room = room;
	}
	page->facts[*number] = (struct sf_page_facts){ .local = is_local(page, host) };
	return true;
}

/* What the record knows of a direction; facts of the whole flow are in known[0]. */
static uint32_t known_of(const struct sf_collected *record, unsigned d)
{
	const uint32_t whole = SF_KNOWN_VERSION | SF_KNOWN_PROTOCOL | SF_KNOWN_ID |
			       SF_KNOWN_END_REASON | SF_KNOWN_VLAN | SF_KNOWN_CVLAN |
			       SF_KNOWN_FLOWS;

	return (record->known[d] & ~record->wide[d] & ~whole) |
	       (record->known[0] & ~record->wide[0] & whole);
}

static bool read_field(const struct sf_page *page, enum sf_page_field field,
	const struct sf_ask_row *row, struct sf_ask_value *value)
{
	return page->has_field[field] && sf_ask_read(&page->fields[field], row, value);
}

/* The number of the sender (`side` 0) or the receiver of a row. False: no memory. */
static bool host_of(
	struct sf_page *page, const struct sf_ask_row *row, unsigned side, uint32_t *number)
{
	const unsigned half = row->d ^ side;
	struct sf_page_host host = { 0 };

	if (known_of(row->record, half) & SF_KNOWN_ADDRESS) {
		host.version = row->flow->ip_version;
		host.bits = sf_ask_bits(row, half);
		memcpy(host.address, row->flow->addr[half], host.version == 4 ? 4 : 16);
	}
	return sf_page_find_host(page, &host, number);
}

/* The number of a text; of a new one when there are too many, that of "" . */
static int64_t text_of(struct sf_page *page, const char *text, size_t length)
{
	if (page->texts.count >= TEXTS_MAX) {
		page->unnamed++;
		return 0;
	}
	return intern_text(page, text, strnlen(text, length));
}

static int64_t field_text(
	struct sf_page *page, enum sf_page_field field, const struct sf_ask_row *row)
{
	struct sf_ask_value value;

	if (!read_field(page, field, row, &value) || !value.length)
		return 0;
	return text_of(page, (const char *)value.bytes, value.length);
}

/* Country and AS number of a host, if the record has them. `side`: 0 of the sender. */
static void take_place(
	struct sf_page *page, const struct sf_ask_row *row, unsigned side, uint32_t host)
{
	struct sf_page_facts *facts = &page->facts[host];
	struct sf_ask_value value;

	if (read_field(page, SF_PAGE_SRC_COUNTRY + side, row, &value) && value.length >= 2 &&
		value.bytes[0] >= 'A' && value.bytes[0] <= 'Z')
		memcpy(facts->country, value.bytes, 2);
	if (read_field(page, SF_PAGE_SRC_AS + side, row, &value))
		facts->as = (uint32_t)value.number + UINT64_C(1);
}

/* ---------------------------------------------------------------- rows */

/* The address of the exporter, or where the record came from. */
static int64_t exporter_of(struct sf_page *page, const struct sf_ask_row *row)
{
	char text[SF_VALUE_MAX];
	struct sf_ask_value value;

	if (!read_field(page, SF_PAGE_EXPORTER, row, &value))
		return 0;
	if (!value.number) /* not an address */
		return text_of(page, (const char *)value.bytes, value.length);
	return text_of(page, text,
		sf_value_write(value.length == 4 ? SF_TYPE_IPV4 : SF_TYPE_IPV6, SF_VALUE_TEXT,
			value.bytes, value.length, text, sizeof(text)));
}

static int64_t traits_of(struct sf_page *page, const struct sf_ask_row *row, unsigned kind)
{
	const struct sf_collected *record = row->record;
	const struct sf_flow *flow = row->flow;
	unsigned d = row->d;
	uint32_t known = known_of(record, d) & ~SF_PAGE_KNOWN_DPORT;
	struct sf_page_traits traits = {
		.known = known | (known_of(record, !d) & SF_KNOWN_PORT ? SF_PAGE_KNOWN_DPORT : 0),
		.domain = flow->domain,
		.ingress = flow->half[d].ingress,
		.egress = record->egress[d],
		.vlan = flow->has & SF_HAS_VLAN ? flow->vlan : 0,
		.cvlan = flow->has & SF_HAS_CVLAN ? flow->cvlan : 0,
		.tos = flow->half[d].tos,
		.reason = flow->end_reason,
		.version = flow->ip_version,
		.has = (uint8_t)(flow->has & (SF_HAS_VLAN | SF_HAS_CVLAN)),
		.kind = (uint8_t)kind,
	};
	int64_t exporter = exporter_of(page, row);
	int64_t app = field_text(page, SF_PAGE_APP, row);

	if (exporter < 0 || app < 0)
		return -1;
	traits.exporter = (uint32_t)exporter;
	traits.app = (uint32_t)app;
	return sf_intern(&page->traits, &traits);
}

/* The first name that the record has, and of what kind it is (struct sf_page_traits). */
static int64_t name_of(struct sf_page *page, const struct sf_ask_row *row, unsigned *kind)
{
	int64_t name = 0;

	*kind = 0;
	for (unsigned i = 0; i < 3 && name == 0; i++) {
		name = field_text(page, SF_PAGE_TLS_NAME + i, row);
		*kind = name > 0 ? i + 1 : 0;
	}
	return name;
}

static struct sf_page_row *new_row(struct sf_page *page)
{
	uint64_t most = (uint64_t)page->options.most_rows * ROWS_TIMES;

	if (page->count == most &&
		(sf_page_pair(page) || sf_page_reduce(page, page->options.most_rows)))
		return NULL;
	if (page->count == most)
		return NULL;
	if (page->count == page->room) {
		uint64_t room = page->room ? 2 * (uint64_t)page->room : 1024;
		struct sf_page_row *rows;

		room = room > most ? most : room;
		rows = realloc(page->rows, room * sizeof(*rows));
		if (!rows)
			return NULL;
		page->rows = rows;
		page->room = (uint32_t)room;
	}
	page->rows[page->count] = (struct sf_page_row){ 0 };
	return &page->rows[page->count];
}

static void fill_row(
	struct sf_page_row *row, const struct sf_ask_row *asked, int64_t traits, int64_t name)
{
	const struct sf_flow *flow = asked->flow;
	const unsigned d = asked->d;
	const struct sf_flow_half *half = &flow->half[d];

	row->flows = sf_ask_flows(asked);
	row->traits = (uint32_t)traits;
	row->name = (uint32_t)name;
	row->start_ms = half->start_ns / NS_PER_MS;
	row->duration_ms = half->end_ns / NS_PER_MS - row->start_ms;
	if (row->duration_ms < 0)
		row->duration_ms = 0;
	row->bytes = half->octets;
	row->packets = half->packets;
	row->sport = flow->port[d];
	row->dport = flow->port[!d];
	row->flags = half->tcp_flags;
	row->protocol = flow->protocol;
}

static int add_row(struct sf_page *page, const struct sf_collected *record, unsigned d)
{
	const struct sf_ask_row asked = { &record->flow, record, d };
	struct sf_page_row *row = new_row(page);
	unsigned kind;
	int64_t name = name_of(page, &asked, &kind);
	int64_t traits = traits_of(page, &asked, kind);

	if (!row || traits < 0 || name < 0 || !host_of(page, &asked, 0, &row->src) ||
		!host_of(page, &asked, 1, &row->dst))
		return -ENOMEM;
	fill_row(row, &asked, traits, name);
	page->facts[row->src].bytes += row->bytes;
	page->facts[row->dst].bytes += row->bytes;
	take_place(page, &asked, 0, row->src);
	take_place(page, &asked, 1, row->dst);
	page->count++;
	page->added += row->flows;
	return 0;
}

int sf_page_add(struct sf_page *page, const struct sf_collected *record, unsigned directions)
{
	int code = 0;

	for (unsigned d = 0; d < 2 && code == 0; d++)
		if (directions >> d & 1)
			code = add_row(page, record, d);
	return code;
}

uint64_t sf_page_flows(const struct sf_page *page)
{
	return page->added;
}

int sf_page_note(struct sf_page *page, const char *name, const char *meaning, uint64_t count)
{
	struct sf_page_note *notes =
		realloc(page->notes, (page->note_count + 1) * sizeof(*page->notes));

	if (!notes)
		return -ENOMEM;
	page->notes = notes;
	page->notes[page->note_count++] = (struct sf_page_note){ name, meaning, count };
	return 0;
}
