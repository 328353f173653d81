/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A stream of SCTP for each template: RFC 6526. The rules for each connection are in
 * simulated_collector.h.
 */
#include "export/session.h"
#include "simulated_collector.h"

static struct sim sim;
static struct sim_exporter out;

static void begin_sim(unsigned streams, enum sf_profile profile, bool gives_up)
{
	sim_init(&sim);
	sim.streams = streams;
	sim.profile = profile;
	sim.gives_up = gives_up;
	sim_export(&out, &sim, S, 10000, false);
}

static void deliver(unsigned steps)
{
	while (steps--) {
		sim_pump(&out, &sim, S, true);
		sim_deliver(&sim, SIZE_MAX);
	}
}

/* A record with a template that is made when it comes. */
static void put_unusual(void)
{
	struct sf_flow flow = flow_ipv4(out.put);

	flow.has |= SF_HAS_VLAN;
	flow.half[0].octets = ++out.put;
	sf_destinations_put(&out.queue, &out.destination, 1, &flow, 1);
}

/* The end of the template record at p. */
static const uint8_t *template_end(const uint8_t *p)
{
	unsigned fields = sf_load_be16(p + 2);

	for (p += 4; fields; fields--)
		p += sf_load_be16(p) & 0x8000 ? 8 : 4;
	return p;
}

/*
 * What the first connection carried: a bit for each stream of the templates of flows, and how many
 * they are.
 */
static uint64_t streams_of_flows(unsigned *templates)
{
	const struct sim_connection *connection = &sim.connections[0];
	uint64_t bits = 0;
	size_t at = 0;

	*templates = 0;
	for (unsigned i = 0; at < connection->length; i++) {
		const uint8_t *message = connection->bytes + at;

		/* one template in each message of them */
		if (sf_load_be16(message + 16) == 2) {
			bits |= UINT64_C(1) << connection->streams[i];
			++*templates;
			ck_assert_ptr_eq(template_end(message + 20),
				message + 16 + sf_load_be16(message + 18));
		}
		at += sf_load_be16(message + 2);
	}
	return bits;
}

/* [RFC6526-4.2-2] [RFC6526-4.3-1] */
START_TEST(each_template_has_a_stream)
{
	struct sf_destination_stats stats;
	unsigned templates;
	uint64_t bits;

	begin_sim(64, SF_PROFILE_DEFAULT, false);
	sim_put(&out, 300);
	deliver(3);
	sim_put(&out, 300);
	deliver(3);
	bits = streams_of_flows(&templates);
	ck_assert_uint_eq(templates, 4);
	/* options data have stream 0 */
	ck_assert_uint_eq(bits, 0x1e);
	ck_assert_uint_eq(out.destination->stats.news_count, 0);
	stats = sim_finish(&out, &sim);
	ck_assert_uint_eq(stats.sent.records, 600);
	ck_assert_uint_eq(sim.distinct, 600);
	sim_fini(&sim);
}
END_TEST

START_TEST(with_too_few_streams_templates_share_them)
{
	for (unsigned streams = 1; streams <= 6; streams++) {
		struct sf_destination_stats stats;
		unsigned templates;
		uint64_t bits;
		char words[60];

		begin_sim(streams, SF_PROFILE_DEFAULT, false);
		sim_put(&out, 300);
		deliver(3);
		bits = streams_of_flows(&templates);
		ck_assert_uint_eq(templates, 4);
		ck_assert_uint_eq(
			bits, streams == 1 ? 1 : (UINT64_C(1) << (streams < 5 ? streams : 5)) - 2);
		/* stream 0 is that of options data: five have room */
		ck_assert_uint_eq(out.destination->stats.news_count, streams < 5);
		snprintf(words, sizeof(words), "has %u stream%s, too few for all templates",
			streams, streams == 1 ? "" : "s");
		if (streams < 5)
			ck_assert_ptr_nonnull(strstr(out.destination->stats.news, words));
		stats = sim_finish(&out, &sim);
		ck_assert_uint_eq(stats.sent.records, 300);
		ck_assert_uint_eq(sim.distinct, 300);
		sim_fini(&sim);
	}
}
END_TEST

START_TEST(a_template_that_is_made_later)
{
	begin_sim(7, SF_PROFILE_EXTENDED, false);
	sim_put(&out, 50);
	deliver(3);
	put_unusual();
	sim_put(&out, 50);
	put_unusual();
	deliver(3);
	ck_assert_uint_eq(sim_finish(&out, &sim).sent.records, 102);
	ck_assert_uint_eq(sim.distinct, 102);
	sim_fini(&sim);
}
END_TEST

/* [RFC6526-4.1-1] */
START_TEST(what_may_be_given_up)
{
	begin_sim(64, SF_PROFILE_DEFAULT, true);
	sim_put(&out, 50);
	deliver(3);
	ck_assert_uint_eq(sim_finish(&out, &sim).sent.records, 50);
	sim_fini(&sim);
}
END_TEST

/*
 * What was under way takes the stream that its template has on the next association, and its
 * sequence numbers.
 */
START_TEST(another_association_has_another_number_of_streams)
{
	for (unsigned streams = 1; streams < 7; streams++) {
		struct sf_destination_stats stats;

		begin_sim(64, SF_PROFILE_EXTENDED, false);
		sim_put(&out, 200);
		put_unusual();
		sim_pump(&out, &sim, S, true);
		sim_deliver(&sim, 3000);
		sim_cut(&sim);
		sim.streams = streams;
		sim_put(&out, 100);
		deliver(5);
		stats = sim_finish(&out, &sim);
		ck_assert_uint_eq(sim.count, 2);
		ck_assert_uint_eq(stats.sent.records, 301);
		ck_assert_uint_eq(sim.distinct, 301);
		sim_fini(&sim);
	}
}
END_TEST

/* ---------------------------------------------------------------- a transport of the test's own */

static struct fake {
	struct sf_transport transport;
	bool spools;   /* messages go into the spool for now: they have no sequence numbers yet */
	unsigned left; /* messages of an earlier run */
	unsigned sent[SF_STREAMS_MAX];
	uint32_t sequences[SF_STREAMS_MAX];
} fake;

static void fake_send(struct sf_transport *transport, struct sf_batch *batch)
{
	const uint8_t *bytes = batch->bytes;

	batch->earlier_refused = false;
	batch->last_call_from = batch->count;
	batch->spooled = fake.spools;
	for (unsigned i = 0; i < batch->count; bytes += batch->messages[i].length, i++) {
		batch->messages[i].fate = SF_FATE_SENT;
		fake.sent[batch->sctp_stream]++;
		if (fake.spools || transport->foreign)
			continue;
		ck_assert_uint_eq(sf_load_be32(bytes + 8), fake.sequences[batch->sctp_stream]);
		fake.sequences[batch->sctp_stream] += batch->messages[i].data_records;
	}
}

static int64_t fake_ready(struct sf_transport *transport, int64_t mono, int *fd)
{
	(void)transport;
	*fd = -1;
	return mono;
}

/* A set of template 300, of another run. */
static bool fake_again(struct sf_transport *transport, struct sf_batch *batch, uint8_t *room)
{
	(void)transport;
	if (fake.left == 0)
		return false;
	fake.left--;
	memset(room, 0, 24);
	sf_store_be32(room + 12, 7);
	sf_store_be16(room + 16, 300);
	sf_store_be16(room + 18, 8);
	batch->bytes = room;
	batch->count = 1;
	batch->messages[0].length = 24;
	batch->messages[0].data_records = 1;
	batch->messages[0].flows = (struct sf_destination_count){ 1, 1, 1 };
	return true;
}

static int fake_end(struct sf_transport *transport)
{
	(void)transport;
	return 0;
}

static void fake_free(struct sf_transport *transport)
{
	(void)transport;
}

static const struct sf_transport_ops fake_ops = {
	.send = fake_send,
	.ready = fake_ready,
	.again = fake_again,
	.end = fake_end,
	.free = fake_free,
};

static struct sf_destination *fake_session(struct sf_shared *shared)
{
	static const struct sf_session_options options = {
		.dialect = &sf_ipfix,
		.time = SF_WHEN_MS,
		.options_data = SF_OPTIONS_ALL,
	};
	struct sf_session_options own = options;
	struct sf_destination *destination;

	fake = (struct fake){ .transport = { .ops = &fake_ops,
				      .traits = { .apart = true,
					      .own_streams = true,
					      .live = true,
					      .connected = true },
				      .max_message = 65535,
				      .max_messages = 1,
				      .connects = 1,
				      .sctp_streams = 64 } };
	memset(shared, 0, sizeof(*shared));
	shared->options = (struct sf_exporter_options){ .queued = true, .domain = 7 };
	shared->wall_ns = T0;
	own.fields = sf_fields_profile(SF_PROFILE_DEFAULT);
	ck_assert_int_eq(sf_session_new(&destination, shared, &own, &fake.transport), 0);
	destination->stats.url = "fake://";
	return destination;
}

/* Records of two templates, in messages that leave. */
static void send_both(struct sf_destination *destination, struct sf_shared *shared)
{
	const struct sf_flow flows[] = { flow_ipv4(0), flow_ipv6(1), flow_ipv4(2) };

	destination->ops->put(destination, flows, 3);
	shared->wall_ns += S;
	destination->ops->tick(destination);
}

/* What goes into the spool has no sequence number, and takes none from its stream. */
START_TEST(what_is_spooled_takes_no_sequence_number)
{
	struct sf_shared shared;
	struct sf_destination *destination = fake_session(&shared);

	for (unsigned i = 0; i < 6; i++) {
		fake.spools = i % 2;
		send_both(destination, &shared);
	}
	/* records of a message about the template, and three times one or two of its own */
	ck_assert_uint_eq(fake.sequences[1], 1 + 3 * 2);
	ck_assert_uint_eq(fake.sequences[2], 1 + 3 * 1);
	destination->ops->finish(destination);
	destination->ops->free(destination);
}
END_TEST

/* Messages of an earlier run may have several templates. */
START_TEST(what_an_earlier_run_has_left_goes_by_stream_0)
{
	struct sf_shared shared;
	struct sf_destination *destination = fake_session(&shared);
	unsigned others, before;

	send_both(destination, &shared);
	/* the last message of the session was one of a template's stream */
	((struct sf_session *)destination)->control.sctp_stream = 4;
	others = fake.sent[4];
	before = fake.sent[0];
	fake.transport.foreign = 1;
	fake.left = 3;
	destination->ops->ready(destination, 1);
	ck_assert_uint_eq(fake.sent[0], before + 3);
	ck_assert_uint_eq(fake.sent[4], others);
	destination->ops->finish(destination);
	destination->ops->free(destination);
}
END_TEST

CHECK_MAIN("export_own_streams", each_template_has_a_stream,
	with_too_few_streams_templates_share_them, a_template_that_is_made_later,
	what_may_be_given_up, another_association_has_another_number_of_streams,
	what_is_spooled_takes_no_sequence_number, what_an_earlier_run_has_left_goes_by_stream_0)
