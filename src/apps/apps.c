/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the payload of a packet and offers it to the readers that are wanted. */
#include "apps/apps.h"

#include <errno.h>
#include <stdlib.h>

#include "apps/budget.h"
#include "apps/entropy.h"
#include "apps/hello.h"
#include "apps/pieces.h"
#include "apps/quic.h"
#include "apps/reader.h"
#include "base/annex.h"
#include "base/wire.h"
#include "classify/flows.h"

enum { TCP = 6, UDP = 17, AH = 51, IPV4_HEADER = 20, IPV6_HEADER = 40, EXTENSIONS_MAX = 8 };

static const struct row {
	uint64_t facts; /* any of these is wanted: the reader runs */
	bool tcp, udp;
	bool streams; /* its messages may have pieces in several segments */
	sf_app_reader *read;
} rows[] = {
	{ SF_FACT_SET(dns), .tcp = true, .udp = true, .read = sf_app_dns },
	{ SF_FACT_SET(tls), .tcp = true, .streams = true, .read = sf_app_tls },
	{ SF_FACT_SET(http), .tcp = true, .udp = true, .read = sf_app_http },
	{ SF_FACT_SET(ssh), .tcp = true, .read = sf_app_ssh },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* Facts that payload says. */
#define FACTS (SF_FACT_SET(app) | SF_FACT_SET(application) | SF_FACT_SET(entropy))

/* A direction that has this much of its budget left has not had a packet with payload. */
#define BUDGET_FIRST (SF_BUDGET_WHOLE - SF_BUDGET_PAYLOAD + SF_BUDGET_PIECE)

struct sf_apps {
	unsigned count[2]; /* readers for UDP, TCP */
	sf_app_reader *readers[2][ROWS];
	sf_app_reader
		*stream; /* of messages that may have pieces in several segments; NULL: none */
	struct sf_pieces pieces;
	const struct sf_cipher_ops *ops; /* NULL: QUIC is not read */
	struct sf_cipher *cipher;
	struct sf_quic_keys keys; /* of the Initial packet before */
	bool ja4, certificate;
	struct sf_classes *classes; /* NULL: no classifier is wanted */
	struct sf_entropy *entropy; /* NULL: it is not wanted */
	struct sf_app found;
	struct sf_budgets budgets;
	struct sf_hellos hellos; /* without those that `pieces` gave up */
};

bool sf_apps_need_all(uint64_t facts)
{
	return facts & FACTS;
}

bool sf_apps_lack(uint64_t facts, struct sf_error *error)
{
	return facts & SF_FACT_SET(quic) && !sf_cipher_load(error);
}

int sf_apps_new(struct sf_apps **apps, uint64_t facts)
{
	struct sf_error error;
	struct sf_apps *made;

	*apps = NULL;
	if (!(facts & FACTS))
		return 0;
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	for (const struct row *row = rows; row < rows + ROWS; row++) {
		if (!(row->facts & facts))
			continue;
		if (row->udp)
			made->readers[0][made->count[0]++] = row->read;
		if (row->tcp)
			made->readers[1][made->count[1]++] = row->read;
		if (row->streams)
			made->stream = row->read;
	}
	if (facts & SF_FACT_SET(quic))
		made->ops = sf_cipher_load(&error);
	if (made->ops)
		made->cipher = made->ops->create();
	made->ja4 = facts & SF_FACT_SET(ja4);
	made->certificate = facts & SF_FACT_SET(certificate);
	if (facts & SF_FACT_SET(entropy))
		made->entropy = malloc(sizeof(*made->entropy));
	if ((made->ops && !made->cipher) || (facts & SF_FACT_SET(entropy) && !made->entropy) ||
		sf_pieces_init(&made->pieces) < 0) {
		sf_apps_free(made);
		return -ENOMEM;
	}
	if (made->entropy)
		sf_entropy_init(made->entropy);
	*apps = made;
	return 0;
}

int sf_apps_classify(struct sf_apps *apps, const struct sf_classifier *classifier, int64_t idle_ns)
{
	return sf_classes_new(&apps->classes, classifier, idle_ns);
}

void sf_apps_free(struct sf_apps *apps)
{
	if (!apps)
		return;
	sf_pieces_fini(&apps->pieces);
	sf_budgets_fini(&apps->budgets);
	sf_classes_free(apps->classes);
	free(apps->entropy);
	if (apps->ops)
		apps->ops->destroy(apps->cipher);
	free(apps);
}

int sf_apps_limit(struct sf_apps *apps, uint32_t max_flows, int64_t idle_ns)
{
	return sf_budgets_init(&apps->budgets, max_flows, idle_ns);
}

/*
 * Bytes of an IP header of `offset` bytes at `ip` with the extension headers behind it, of which
 * the first is `next`; 0: they were not captured, or what follows is neither TCP nor UDP.
 */
static size_t with_extensions(const uint8_t *ip, size_t captured, size_t offset, uint8_t next)
{
	enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, DESTINATION = 60 };

	for (unsigned n = 0; n < EXTENSIONS_MAX; n++) {
		bool is_ah = next == AH;

		if (next != HOP_BY_HOP && next != ROUTING && next != FRAGMENT &&
			next != DESTINATION && !is_ah)
			return next == TCP || next == UDP ? offset : 0;
		if (captured < offset + 8)
			return 0;
		next = ip[offset];
		offset += is_ah ? (ip[offset + 1] + 2u) * 4u : (ip[offset + 1] + 1u) * 8u;
	}
	return 0;
}

/* Bytes of the headers between `ip` and the transport header; 0: they were not captured. */
static size_t ip_headers(const uint8_t *ip, size_t captured, uint8_t version)
{
	if (captured < IPV4_HEADER)
		return 0;
	if (version == 6)
		return with_extensions(ip, captured, IPV6_HEADER, ip[6]);
	/* an opened tunnel of AH: the facts are those of the header in front of AH */
	if (ip[9] == AH)
		return with_extensions(ip, captured, (ip[0] & 0x0f) * 4u, AH);
	return (ip[0] & 0x0f) * 4u;
}

/*
 * Bytes of the transport header at `p`, and of its payload as the UDP
 * header says. 0: it is cut or wrong.
 */
static size_t transport_header(const uint8_t *p, size_t captured, bool tcp, size_t *wire)
{
	enum { TCP_HEADER = 20, UDP_HEADER = 8 };
	size_t length;

	if (captured < (tcp ? TCP_HEADER : UDP_HEADER))
		return 0;
	if (tcp) {
		length = (p[12] >> 4) * 4u;
		return length >= TCP_HEADER && length <= *wire ? length : 0;
	}
	length = sf_load_be16(p + 4);
	if (length >= UDP_HEADER && length < *wire)
		*wire = length;
	return UDP_HEADER;
}

/* False: the packet has no payload that could be read. */
static bool find_payload(
	struct sf_payload *payload, const struct sf_packet *packet, const struct sf_facts *facts)
{
	const uint8_t *ip = packet->data + facts->l3_offset;
	size_t captured = sf_facts_captured(facts, packet->captured), wire = facts->octets, header;

	payload->tcp = facts->protocol == TCP;
	header = ip_headers(ip, captured, facts->version);
	if (!header || captured <= header)
		return false;
	ip += header;
	captured -= header;
	wire -= header;
	header = transport_header(ip, captured, payload->tcp, &wire);
	if (!header || captured <= header || wire <= header)
		return false;
	payload->transport = ip;
	payload->bytes = ip + header;
	payload->wire = wire - header;
	payload->length = captured - header < payload->wire ? captured - header : payload->wire;
	payload->seq = payload->tcp ? sf_load_be32(ip + 4) : 0;
	payload->ports[0] = sf_load_be16(ip);
	payload->ports[1] = sf_load_be16(ip + 2);
	return true;
}

static void tell(const struct sf_apps *apps, struct sf_facts *facts)
{
	facts->app = &apps->found;
	facts->tcp_flags |= SF_TCP_FLAGS_APP;
}

/* Something is told of the packet, but no reader knows its payload. */
static void tell_unread(struct sf_apps *apps, struct sf_facts *facts)
{
	if (facts->tcp_flags & SF_TCP_FLAGS_APP)
		return;
	sf_app_begin(&apps->found, SF_APP_NONE, SF_APP_ABSENT);
	tell(apps, facts);
}

/* Counts the hello of `found`, unless it waits for its pieces. True: it was read. */
static bool settle_hello(struct sf_apps *apps)
{
	const struct sf_app *found = &apps->found;

	if (found->rank >= SF_APP_READ)
		apps->hellos.read++;
	else if (!(found->flags & SF_APP_MORE))
		apps->hellos.unread[found->unread]++;
	return found->rank >= SF_APP_READ;
}

/*
 * Reads what there is of the message so far, and no longer waits for it if it is
 * whole. True: `found` tells it.
 */
static bool read_pieces(
	struct sf_apps *apps, struct sf_pieces_place *place, const struct sf_payload *last)
{
	struct sf_payload payload = *last;
	bool known, more;

	payload.bytes = place->bytes;
	payload.length = payload.wire = place->whole;
	/* `found` is still what another packet said if the reader knows nothing of this one */
	known = apps->stream(&payload, &apps->found);
	more = known && apps->found.flags & SF_APP_MORE;
	if (known && !place->read)
		place->read = settle_hello(apps);
	if (!more)
		sf_pieces_end(&apps->pieces, place);
	return known && apps->found.rank >= SF_APP_READ;
}

/*
 * A segment of a message whose beginning was seen. False: it is
 * none; then the readers look at it.
 */
static bool look_at_pieces(
	struct sf_apps *apps, const struct sf_payload *payload, struct sf_facts *facts)
{
	struct sf_pieces_place *place;
	struct sf_pieces_key key;
	uint32_t offset;

	sf_pieces_key(&key, facts);
	place = sf_pieces_find(&apps->pieces, &key, facts->time_ns);
	offset = place ? payload->seq - place->base : 0;
	if (!place || offset >= SF_PIECES_BYTES)
		return false;
	if (!sf_pieces_add(place, offset, payload->bytes, payload->length)) {
		apps->hellos.unread[SF_UNREAD_scattered] += !place->read;
		sf_pieces_end(&apps->pieces, place);
	} else if (read_pieces(apps, place, payload)) {
		tell(apps, facts);
	}
	return true;
}

/* The beginning of a message: its other pieces are waited for. */
static void await_pieces(
	struct sf_apps *apps, const struct sf_payload *payload, const struct sf_facts *facts)
{
	struct sf_pieces_place *place;
	struct sf_pieces_key key;

	sf_pieces_key(&key, facts);
	place = sf_pieces_begin(&apps->pieces, &key, facts->time_ns);
	place->base = payload->seq;
	place->read = apps->found.rank >= SF_APP_READ;
	sf_pieces_add(place, 0, payload->bytes, payload->length);
}

/* A segment with the beginning of a hello, which `found` tells. */
static void begin_hello(
	struct sf_apps *apps, const struct sf_payload *payload, const struct sf_facts *facts)
{
	apps->hellos.begun++;
	if (apps->found.flags & SF_APP_MORE && payload->length < payload->wire) {
		/* what was not captured will not come */
		apps->found.flags &= (uint8_t)~SF_APP_MORE;
		apps->found.unread = SF_UNREAD_cut;
	}
	settle_hello(apps);
	if (apps->found.flags & SF_APP_MORE)
		await_pieces(apps, payload, facts);
}

/* The hello in CRYPTO frames is read, or given up. */
static void end_crypto(struct sf_apps *apps, struct sf_pieces_place *place, enum sf_unread unread)
{
	apps->found.unread = (uint8_t)unread;
	settle_hello(apps);
	sf_pieces_end(&apps->pieces, place);
}

/* Reads the client's hello out of its CRYPTO frames, if all of them have come. */
static void read_crypto(struct sf_apps *apps, struct sf_pieces_place *place)
{
	size_t length = SF_HELLO_HEADER;

	sf_app_begin(&apps->found, SF_APP_QUIC, SF_APP_NAMED);
	if (place->whole >= SF_HELLO_HEADER)
		length += sf_load_be(place->bytes + 1, 3);
	if (place->whole && place->bytes[0] != SF_HELLO_CLIENT) {
		end_crypto(apps, place, SF_UNREAD_malformed);
	} else if (length > SF_HELLO_MAX) {
		end_crypto(apps, place, SF_UNREAD_tooLong);
	} else if (length > SF_HELLO_HEADER && place->whole >= length) {
		if (!sf_hello_read(place->bytes, length, SF_APP_QUIC, apps->ja4, &apps->found))
			sf_app_begin(&apps->found, SF_APP_QUIC, SF_APP_NAMED);
		end_crypto(apps, place, SF_UNREAD_malformed);
	}
}

/* Initial packets of a QUIC client. False: the datagram does not begin with one. */
static bool look_at_quic(
	struct sf_apps *apps, const struct sf_payload *payload, struct sf_facts *facts)
{
	struct sf_quic_initial initial;
	struct sf_pieces_place *place;
	struct sf_pieces_key key;
	uint8_t plain[SF_QUIC_DATAGRAM_MAX];
	size_t length;

	if (sf_likely(!sf_quic_is_initial(&initial, payload->bytes, payload->length)))
		return false;
	length = sf_quic_client_keys(apps->ops, apps->cipher, &apps->keys, &initial)
			 ? sf_quic_open(apps->ops, apps->cipher, &apps->keys, &initial, plain)
			 : 0;
	if (!length) {
		apps->hellos.begun++;
		apps->hellos.unread[SF_UNREAD_undecryptable]++;
		return false;
	}
	sf_pieces_key(&key, facts);
	place = sf_pieces_find(&apps->pieces, &key, facts->time_ns);
	if (!place) {
		place = sf_pieces_begin(&apps->pieces, &key, facts->time_ns);
		apps->hellos.begun++;
	}
	if (sf_quic_frames(place, plain, length)) {
		read_crypto(apps, place);
	} else {
		sf_app_begin(&apps->found, SF_APP_QUIC, SF_APP_NAMED);
		end_crypto(apps, place,
			place->count == SF_PIECES_RANGES ? SF_UNREAD_scattered
							 : SF_UNREAD_malformed);
	}
	tell(apps, facts);
	return true;
}

/* Offers the payload to the readers. Returns the units of the direction's budget that it takes. */
static uint32_t read_payload(
	struct sf_apps *apps, const struct sf_payload *payload, struct sf_facts *facts)
{
	if (apps->ops && !payload->tcp && look_at_quic(apps, payload, facts))
		return SF_BUDGET_PAYLOAD;
	if (sf_unlikely(apps->pieces.waiting) && payload->tcp &&
		look_at_pieces(apps, payload, facts))
		return SF_BUDGET_PIECE;
	for (unsigned i = 0; i < apps->count[payload->tcp]; i++) {
		if (!apps->readers[payload->tcp][i](payload, &apps->found))
			continue;
		tell(apps, facts);
		if (apps->found.kind == SF_APP_TLS)
			begin_hello(apps, payload, facts);
		break;
	}
	return SF_BUDGET_PAYLOAD;
}

/* Shows the packet to the classifier. True: no further packet of the flow has to be shown. */
static bool classify(struct sf_apps *apps, const struct sf_payload *payload, struct sf_facts *facts)
{
	const size_t header = (size_t)(payload->bytes - payload->transport);
	bool done;

	facts->application = (struct sf_application){ 0 };
	if (sf_classes_look(
		    apps->classes, facts, payload->transport, header + payload->length, &done))
		tell_unread(apps, facts);
	return done;
}

/*
 * The entropy of a direction's first payload, `left` being its budget. Returns the units that the
 * packet takes: `units`, but for a direction of which nothing else is read all of them.
 */
static uint32_t count_octets(struct sf_apps *apps, const struct sf_payload *payload,
	struct sf_facts *facts, uint32_t left, uint32_t units)
{
	const bool reads = apps->count[0] || apps->ops || apps->count[1] || apps->classes;

	facts->entropy = 0;
	if (left >= BUDGET_FIRST) {
		facts->entropy = sf_entropy_of(apps->entropy, payload->bytes, payload->length);
		tell_unread(apps, facts);
	}
	return reads ? units : SF_BUDGET_WHOLE;
}

/*
 * Units that a packet without payload takes: none as long as the first payload
 * has to be known when it comes.
 */
static uint32_t empty_units(const struct sf_apps *apps, uint32_t left)
{
	return apps->entropy && left == BUDGET_FIRST ? 0 : SF_BUDGET_PIECE;
}

/* The message that was looked for was read, and nothing of what follows it is wanted. */
static bool is_done(const struct sf_app *app)
{
	return app->rank >= SF_APP_READ && !(app->flags & SF_APP_MORE);
}

static bool can_be_read(const struct sf_facts *facts)
{
	return (facts->protocol == TCP || facts->protocol == UDP) &&
	       !(facts->flags & SF_FACT_FRAGMENT);
}

bool sf_apps_wants(struct sf_apps *apps, const struct sf_facts *facts)
{
	if (sf_unlikely(!apps->budgets.sets))
		return true;
	return sf_budget_left(*sf_budget_find(&apps->budgets, facts));
}

void sf_apps_look(struct sf_apps *apps, const struct sf_packet *packet, struct sf_facts *facts)
{
	enum { SYN = 0x02 };
	uint32_t whole = SF_BUDGET_WHOLE << 24, *state = &whole, units, left;
	bool classified = true; /* or there is no classifier */
	struct sf_payload payload;

	if (!can_be_read(facts))
		return;
	if (apps->budgets.sets)
		state = sf_budget_find(&apps->budgets, facts);
	left = sf_budget_left(*state);
	if (!left)
		return;
	/* a direction that begins; further packets with SYN do not begin the flow again */
	if (apps->classes && facts->protocol == TCP && facts->tcp_flags & SYN &&
		left == SF_BUDGET_WHOLE)
		sf_classes_syn(apps->classes, facts);
	units = empty_units(apps, left);
	if (find_payload(&payload, packet, facts)) {
		payload.ja4 = apps->ja4;
		payload.certificate = apps->certificate;
		units = read_payload(apps, &payload, facts);
		if (sf_unlikely(apps->classes != NULL))
			classified = classify(apps, &payload, facts);
		if (sf_unlikely(apps->entropy != NULL))
			units = count_octets(apps, &payload, facts, left, units);
	}
	if (facts->tcp_flags & SF_TCP_FLAGS_APP && is_done(&apps->found) && classified)
		units = SF_BUDGET_WHOLE;
	sf_budget_take(state, units);
}

struct sf_hellos sf_apps_hellos(const struct sf_apps *apps)
{
	struct sf_hellos hellos = { 0 };

	if (!apps)
		return hellos;
	hellos = apps->hellos;
	hellos.unread[SF_UNREAD_incomplete] += apps->pieces.incomplete;
	hellos.unread[SF_UNREAD_crowded] += apps->pieces.crowded;
	return hellos;
}

struct sf_classes_counters sf_apps_classes(const struct sf_apps *apps)
{
	return apps && apps->classes ? *sf_classes_counters(apps->classes)
				     : (struct sf_classes_counters){ 0 };
}
