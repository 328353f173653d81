/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network and a collector in memory, behind struct sf_connection_ops, on a clock of their own:
 * writes may be short, bytes are delivered and acknowledged when the test says so, and connections
 * are cut. What each connection delivered is kept and read like a stream of IPFIX messages. With
 * `streams` it is an association of SCTP: a write takes a whole message or nothing, and each
 * message has a stream.
 */
#ifndef TESTS_SIMULATED_COLLECTOR_H
#define TESTS_SIMULATED_COLLECTOR_H

#include "encode/message.h"
#include "export/destination.h"
#include "export_support.h"
#include "transport/stream.h"

#define SIM_CONNECTIONS 256
#define SIM_RECORDS     20000

struct sim_connection {
	uint8_t *bytes; /* that reached the collector */
	size_t length, size;
	size_t unread;     /* of these, the last ones: its program did not read them */
	uint16_t *streams; /* with sim.streams: of each message that was written */
	unsigned written;  /* messages */
};

struct sim {
	struct sf_connection link; /* first */
	int64_t mono;
	bool listens;        /* else connections are refused */
	bool drops_attempts; /* connections are neither accepted nor refused */
	size_t buffer;       /* bytes that may be under way */
	size_t write_max;    /* bytes that one write takes; 0: any */
	bool cut;            /* the connection is dead; the next call learns of it */
	uint8_t *under_way;
	size_t under_way_length;
	uint64_t delivered, acknowledged; /* of the present connection */
	bool acks_are_lost, stands;
	bool closes;    /* when it is cut: the collector has read everything and closes */
	bool finished;  /* the exporter has said that nothing follows */
	bool refuses;   /* then it resets the connection, else it closes it when all has arrived */
	bool any_order; /* the disk was full: what did not fit stayed in memory */
	/* of SCTP, that the collector takes; 0: the connection is a stream of bytes */
	unsigned streams;
	bool gives_up; /* its exporter may give flow records up */
	/* of exporters: their spool, if any */
	struct sf_disk *disk;
	struct sf_spool_options spool;
	enum sf_profile profile;
	unsigned attempts;
	int64_t attempt_ns[SIM_CONNECTIONS];
	unsigned count;
	struct sim_connection connections[SIM_CONNECTIONS];
	/* what the checker found */
	unsigned seen[SIM_RECORDS]; /* by id */
	unsigned distinct, twice;
};

static int sim_connect(struct sf_connection *link, const struct sf_peer *peer, unsigned index)
{
	struct sim *sim = (struct sim *)link;

	(void)peer, (void)index;
	ck_assert_uint_lt(sim->attempts, SIM_CONNECTIONS);
	sim->attempt_ns[sim->attempts++] = sim->mono;
	link->written = 0;
	link->fd = 0;
	sim->cut = sim->finished = false;
	sim->under_way_length = 0;
	sim->delivered = sim->acknowledged = 0;
	return 0;
}

static int sim_progress(struct sf_connection *link)
{
	struct sim *sim = (struct sim *)link;

	if (sim->drops_attempts)
		return -EAGAIN;
	if (!sim->listens)
		return -ECONNREFUSED;
	ck_assert_uint_lt(sim->count, SIM_CONNECTIONS);
	sim->count++;
	link->streams = (uint16_t)sim->streams;
	return 0;
}

/* Keeps by which stream a message goes. */
static void sim_note_stream(struct sim *sim, uint16_t stream)
{
	struct sim_connection *to = &sim->connections[sim->count - 1];

	ck_assert_uint_lt(stream, sim->link.streams);
	to->streams = realloc(to->streams, (to->written + 1) * sizeof(stream));
	to->streams[to->written++] = stream;
}

static ssize_t sim_write(struct sf_connection *link, const uint8_t *bytes, size_t length)
{
	struct sim *sim = (struct sim *)link;
	size_t room = sim->buffer - sim->under_way_length;

	if (sim->cut)
		return -ECONNRESET;
	if (link->own_streams && length > room)
		return -EAGAIN;
	if (link->own_streams)
		sim_note_stream(sim, link->stream);
	else if (sim->write_max && room > sim->write_max)
		room = sim->write_max;
	if (length > room)
		length = room;
	if (length == 0)
		return -EAGAIN;
	sim->under_way = realloc(sim->under_way, sim->under_way_length + length);
	memcpy(sim->under_way + sim->under_way_length, bytes, length);
	sim->under_way_length += length;
	link->written += length;
	return (ssize_t)length;
}

static uint64_t sim_acknowledged(struct sf_connection *link)
{
	return ((struct sim *)link)->acknowledged;
}

static int sim_check(struct sf_connection *link)
{
	struct sim *sim = (struct sim *)link;

	if (sim->cut)
		return sim->closes ? SF_EOF : -ECONNRESET;
	if (!sim->finished || sim->under_way_length)
		return 0;
	return sim->refuses ? -ECONNRESET : SF_EOF;
}

static bool sim_stands(struct sf_connection *link)
{
	return ((struct sim *)link)->stands;
}

static void sim_deliver(struct sim *sim, size_t length)
{
	struct sim_connection *to;

	if (sim->count == 0 || sim->cut)
		return;
	to = &sim->connections[sim->count - 1];
	if (length > sim->under_way_length)
		length = sim->under_way_length;
	if (to->length + length > to->size) {
		to->size = 2 * (to->length + length);
		to->bytes = realloc(to->bytes, to->size);
	}
	if (length) {
		memcpy(to->bytes + to->length, sim->under_way, length);
		memmove(sim->under_way, sim->under_way + length, sim->under_way_length - length);
	}
	sim->under_way_length -= length;
	to->length += length;
	sim->delivered += length;
	if (!sim->acks_are_lost)
		sim->acknowledged = sim->delivered;
}

static void sim_cut(struct sim *sim)
{
	sim->cut = true;
	sim->under_way_length = 0;
}

static void sim_tell_finish(struct sf_connection *link)
{
	((struct sim *)link)->finished = true;
}

static void sim_nothing(struct sf_connection *link)
{
	(void)link;
}

static void sim_close(struct sf_connection *link)
{
	link->fd = -1;
}

static int64_t sim_now(struct sf_connection *link)
{
	return ((struct sim *)link)->mono;
}

/* While the exporter waits for the end, the network goes on. */
static void sim_wait(struct sf_connection *link, int64_t ns)
{
	struct sim *sim = (struct sim *)link;

	sim->mono += ns;
	sim_deliver(sim, SIZE_MAX);
}

static const struct sf_connection_ops sim_ops = {
	.connect = sim_connect,
	.progress = sim_progress,
	.write = sim_write,
	.acknowledged = sim_acknowledged,
	.stands = sim_stands,
	.check = sim_check,
	.finish = sim_tell_finish,
	.close = sim_close,
	.now = sim_now,
	.wait = sim_wait,
	.free = sim_nothing,
};

static void sim_init(struct sim *sim)
{
	memset(sim, 0, sizeof(*sim));
	sim->link.ops = &sim_ops;
	sim->link.fd = -1;
	sim->mono = 1;
	sim->listens = true;
	sim->buffer = 1 << 20;
}

static void sim_fini(struct sim *sim)
{
	for (unsigned i = 0; i < sim->count; i++) {
		free(sim->connections[i].bytes);
		free(sim->connections[i].streams);
	}
	free(sim->under_way);
}

#define SIM_RELIABILITY 65100 /* the first id of Data Records Reliability */

/*
 * Of one connection, by template id: the stream of SCTP, and the one on which its reliability was
 * told; each plus 1.
 */
struct sim_places {
	uint16_t template[65536], told[65536];
	bool tells; /* the first data are those about reliability (RFC 6526 §4.5.2) */
};

/* A record of Data Records Reliability. */
/* [RFC6526-4.1-1] [RFC6526-4.2-4] [RFC6526-4.2-6] [RFC6526-4.2-7] [RFC6526-4.2-8] */
static void sim_read_reliability(const struct sim *sim, struct sim_places *places,
	const struct record *record, uint16_t place)
{
	uint16_t about = sf_load_be16(record->bytes);
	bool options = about >= 65000;

	ck_assert_uint_eq(record->template->id, SIM_RELIABILITY + place - 1);
	ck_assert_uint_eq(record->template->scopes, 1);
	ck_assert_uint_eq(record->template->fields[0].id, 145);
	ck_assert_uint_eq(record->template->fields[1].id, 276);
	/* once, and on the stream of the template */
	ck_assert_uint_eq(places->told[about], 0);
	ck_assert_uint_eq(places->template[about], place);
	ck_assert_uint_eq(record->bytes[2], sim->gives_up && !options ? 2 : 1);
	places->told[about] = place;
}

/*
 * What a message brought, which came by this stream of SCTP: templates from `templates` on, records
 * from `records` on.
 */
/* [RFC6526-4.2-1] [RFC6526-4.2-3] */
static void sim_read_places(const struct sim *sim, struct sim_places *places,
	const struct reader *reader, unsigned templates, unsigned records, uint16_t stream)
{
	uint16_t place = stream + 1;

	for (unsigned i = templates; i < reader->template_count; i++)
		places->template[reader->templates[i].id] = place;
	for (unsigned i = records; i < reader->record_count; i++) {
		const struct record *record = &reader->records[i];
		uint16_t id = record->template->id;

		if (i == 0)
			places->tells = id >= SIM_RELIABILITY;
		ck_assert_uint_eq(places->template[id], place);
		if (id >= SIM_RELIABILITY)
			sim_read_reliability(sim, places, record, place);
		else if (places->tells)
			ck_assert_uint_eq(places->told[id], place);
	}
}

/*
 * Reads what one connection delivered: the framing rules of export_support.h, templates before data
 * in each connection, sequence numbers from 0, records in their order. A message that is cut is not
 * read. Records are known by their octets.
 */
static void sim_read(struct sim *sim, const struct sim_connection *connection)
{
	struct reader *one = reader_new();
	struct sim_places *places = connection->streams ? calloc(1, sizeof(*places)) : NULL;
	size_t at = 0;
	uint32_t records[SF_STREAMS_MAX] = { 0 };
	uint64_t last = 0;

	while (connection->length - connection->unread - at >= 16) {
		size_t length = sf_load_be16(connection->bytes + at + 2);
		const struct message *message = &one->messages[one->message_count];
		unsigned templates = one->template_count, record = one->record_count;
		uint16_t stream = connection->streams ? connection->streams[one->message_count] : 0;

		ck_assert_uint_ge(length, 16);
		if (length > connection->length - connection->unread - at)
			break;
		ck_assert_uint_eq(sf_load_be32(connection->bytes + at + 8), records[stream]);
		read_message(one, connection->bytes + at, length);
		records[stream] += message->flows + message->options;
		if (places)
			sim_read_places(sim, places, one, templates, record, stream);
		at += length;
	}
	free(places);
	for (unsigned i = 0; i < one->record_count; i++) {
		const struct record *record = &one->records[i];
		uint64_t id;
		int octets;

		if (record->template->scopes)
			continue;
		octets = field_index(record, 0, 1, 0);
		ck_assert(octets >= 0);
		id = sf_load_be(record->bytes + record->template->fields[octets].offset,
			record->template->fields[octets].length);
		ck_assert(id < SIM_RECORDS && (id > last || sim->any_order));
		last = id;
		if (sim->seen[id]++)
			sim->twice++;
		else
			sim->distinct++;
	}
	reader_free(one);
}

static void sim_read_all(struct sim *sim)
{
	for (unsigned i = 0; i < sim->count; i++)
		sim_read(sim, &sim->connections[i]);
}

/* ---------------------------------------------------------------- an exporter for it */

struct sim_exporter {
	struct sf_shared shared;
	struct sf_queue queue;
	struct sf_destination *destination;
	unsigned put; /* records so far; their ids are 1, 2, … */
};

static void sim_export(struct sim_exporter *exporter, struct sim *sim, int64_t retry_ns,
	uint64_t queue_records, bool late)
{
	const struct sf_stream_options options = {
		.peer = { .host = "127.0.0.1", .port = "4739" },
		.link = &sim->link,
		.disk = sim->disk,
		.spool = sim->spool,
		.retry_ns = retry_ns,
		.late = late,
	};
	struct sf_session_options session = {
		.dialect = &sf_ipfix,
		.fields = sf_fields_profile(sim->profile),
		.time = SF_WHEN_MS,
		.options_data = SF_OPTIONS_ALL,
	};
	struct sf_transport *transport;
	struct sf_error error = { 0 };

	sim->link.own_streams = sim->streams != 0;
	sim->link.gives_up = sim->gives_up;
	sim->any_order |= sim->streams != 0;
	memset(exporter, 0, sizeof(*exporter));
	exporter->shared.options = (struct sf_exporter_options){ .queued = true, .domain = 7 };
	exporter->shared.wall_ns = exporter->shared.start_ns = T0;
	exporter->shared.clock_ns = INT64_MIN;
	ck_assert_msg(sf_stream_open(&transport, &options, &error) == 0, "%s", error.text);
	ck_assert_int_eq(
		sf_session_new(&exporter->destination, &exporter->shared, &session, transport), 0);
	exporter->destination->stats.url = "sim://";
	sf_destination_join(
		&exporter->queue, exporter->destination, queue_records * sizeof(struct sf_flow));
}

static void sim_put(struct sim_exporter *exporter, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct sf_flow flow =
			exporter->put % 3 ? flow_ipv4(exporter->put) : flow_ipv6(exporter->put);

		flow.half[0].octets = ++exporter->put;
		sf_destinations_put(&exporter->queue, &exporter->destination, 1, &flow, 1);
	}
}

/* The clock goes on by `ns`; the exporter does all that it can do then. */
static void sim_pump(struct sim_exporter *exporter, struct sim *sim, int64_t ns, bool ending)
{
	sim->mono += ns;
	exporter->shared.wall_ns += ns;
	for (unsigned i = 0; i < 50; i++)
		if (sf_destination_pump(
			    &exporter->queue, exporter->destination, sim->mono, ending) > sim->mono)
			break;
}

/* Ends the run; returns the statistics and checks the counters against what the collector read. */
static inline struct sf_destination_stats sim_finish(struct sim_exporter *exporter, struct sim *sim)
{
	struct sf_destination *destination = exporter->destination;
	struct sf_destination_stats stats;

	sf_destination_drop(&exporter->queue, destination,
		destination->fails ? destination->lost_as : SF_FATE_LOST_stopped);
	destination->ops->finish(destination);
	stats = destination->stats;
	destination->ops->free(destination);
	sf_queue_free(&exporter->queue);
	sim_read_all(sim);
	ck_assert_uint_eq(stats.offered.records, exporter->put);
	ck_assert(sf_destination_balanced(&stats));
	/* all that counts as sent has arrived; what has arrived was sent, or lost at the end */
	ck_assert_uint_le(stats.sent.records, sim->distinct);
	ck_assert_uint_le(sim->distinct,
		stats.sent.records + stats.lost_stopped.records + stats.lost_unreachable.records);
	ck_assert_uint_le(sim->twice, stats.repeated.records);
	return stats;
}

#endif
