/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which packets a classifier sees, and that memory is bounded whatever comes: with a classifier
 * that counts.
 */
#include <spanflow/meter.h>

#include "base/wire.h"
#include "check_main.h"
#include "classify/flows.h"

#define SECOND INT64_C(1000000000)

enum { TCP = 6, UDP = 17, SYN = 2, ACK = 16 };

/*
 * A classifier that names a flow by the last byte of a payload that begins with '!', finally by one
 * with '.'.
 */
struct sf_classifier_work {
	unsigned begun, ended, shown, last;
	size_t kept;
	uint8_t packet[4096];
	size_t length;
};

static struct sf_classifier_work work;

static struct sf_classifier_work *open_work(void)
{
	memset(&work, 0, sizeof(work));
	return &work;
}

static void close_work(struct sf_classifier_work *closed)
{
	ck_assert_ptr_eq(closed, &work);
	ck_assert_uint_eq(work.begun, work.ended);
}

static void begin(struct sf_classifier_work *at, void *state)
{
	at->begun++;
	memset(state, 0, 100);
}

static enum sf_classifier_answer packet(struct sf_classifier_work *at, void *state,
	const uint8_t *ip, size_t length, int64_t time_ns, bool last,
	struct sf_application *application)
{
	uint8_t *seen = state;
	const size_t headers = ip[0] >> 4 == 4 ? 20 : 40;
	const uint8_t *payload = ip + headers + (ip[headers == 20 ? 9 : 6] == TCP ? 20 : 8);

	(void)time_ns;
	at->shown++;
	at->last += last;
	at->length = length;
	memcpy(at->packet, ip, length);
	/* the bound is that of the flow; Check's assertions are too slow for all packets */
	if (++seen[0] > SF_CLASSES_PACKETS || last != (seen[0] == SF_CLASSES_PACKETS))
		ck_abort_msg("packet %u of a flow", seen[0]);
	if (*payload == 'k')
		at->kept += 1u << 20;
	if (*payload != '!' && *payload != '.')
		return SF_CLASSIFIER_NOTHING;
	application->id[0] = 99;
	application->id[2] = ip[length - 1];
	return *payload == '.' ? SF_CLASSIFIER_FINAL : SF_CLASSIFIER_BETTER;
}

static void end(struct sf_classifier_work *at, void *state)
{
	(void)state;
	at->ended++;
	at->kept = at->kept >> 20 ? at->kept - (1u << 20) : 0;
}

static size_t kept(const struct sf_classifier_work *at)
{
	return at->kept;
}

static const struct sf_classifier fake = {
	.state_bytes = 100,
	.open = open_work,
	.close = close_work,
	.begin = begin,
	.packet = packet,
	.end = end,
	.kept = kept,
};

static struct sf_classes *classes;
static const struct sf_classes_counters *counters;
static bool done; /* what the last look said */

static void start(void)
{
	ck_assert_int_eq(sf_classes_new(&classes, &fake, 15 * SECOND), 0);
	ck_assert_ptr_nonnull(classes);
	counters = sf_classes_counters(classes);
}

static void stop(void)
{
	sf_classes_free(classes);
}

static struct sf_facts facts_of(unsigned flow, int64_t time_ns, bool back)
{
	return (struct sf_facts){ .version = 4,
		.protocol = UDP,
		.address = 0x0a000001ull << 32 | 0x0a000002,
		.ports = flow,
		.ttl = 64,
		.flags = back ? SF_FACT_SWAPPED : 0,
		.time_ns = time_ns };
}

/* The number of the application that a packet with this text is answered with; 0: none. */
static unsigned look(unsigned flow, int64_t time_ns, bool back, const char *text)
{
	struct sf_facts facts = facts_of(flow, time_ns, back);
	uint8_t bytes[64] = { 0 };
	const size_t length = 8 + strlen(text);

	memcpy(bytes + 8, text, strlen(text));
	if (!sf_classes_look(classes, &facts, bytes, length, &done))
		return 0;
	if (facts.application.id[0] != 99)
		ck_abort_msg("not the classifier's id");
	return (unsigned)facts.application.rank << 8 | facts.application.id[2];
}

START_TEST(shows_the_first_packets)
{
	start();
	for (unsigned i = 0; i < 3 * SF_CLASSES_PACKETS; i++)
		ck_assert_uint_eq(look(1, i, i & 1, "?"), 0);
	ck_assert(done);
	ck_assert_uint_eq(work.shown, SF_CLASSES_PACKETS);
	ck_assert_uint_eq(work.last, 1);
	ck_assert_uint_eq(work.ended, 1);
	ck_assert_uint_eq(counters->flows, 1);
	ck_assert_uint_eq(counters->unknown, 1);
	/* a final answer is the end, too */
	ck_assert_uint_eq(look(2, 0, false, "!a"), 1 << 8 | 'a');
	ck_assert_uint_eq(look(2, 1, true, "?"), 0);
	ck_assert(!done);
	ck_assert_uint_eq(look(2, 2, false, ".b"), 2 << 8 | 'b');
	ck_assert(done);
	ck_assert_uint_eq(look(2, 3, false, ".c"), 0);
	ck_assert_uint_eq(work.shown, SF_CLASSES_PACKETS + 3);
	ck_assert_uint_eq(counters->flows, 2);
	ck_assert_uint_eq(counters->answered, 1);
	ck_assert_uint_eq(counters->unknown, 1);
	stop();
}
END_TEST

START_TEST(begins_flows_anew)
{
	struct sf_facts syn = facts_of(1, 0, false);

	syn.protocol = TCP;
	start();
	/* by silence, while it is looked at and when it is known */
	ck_assert_uint_eq(look(1, 0, false, "!a"), 1 << 8 | 'a');
	ck_assert_uint_eq(look(1, 15 * SECOND, false, "!b"), 2 << 8 | 'b');
	ck_assert_uint_eq(look(1, 31 * SECOND, false, ".c"), 1 << 8 | 'c');
	ck_assert_uint_eq(look(1, 32 * SECOND, false, ".d"), 0);
	ck_assert_uint_eq(look(1, 48 * SECOND, false, ".e"), 1 << 8 | 'e');
	/* time that steps back does not matter */
	ck_assert_uint_eq(look(1, INT64_MIN, false, ".f"), 0);
	ck_assert_uint_eq(counters->flows, 3);
	/* silence ends one without an answer, too: each flow is counted once more */
	ck_assert_uint_eq(look(2, 0, false, "?"), 0);
	ck_assert_uint_eq(look(2, 16 * SECOND, false, ".g"), 1 << 8 | 'g');
	ck_assert_uint_eq(counters->unknown, 1);
	ck_assert_uint_eq(
		counters->flows, counters->answered + counters->unknown + counters->crowded);
	stop();

	/* by a SYN; its answer begins nothing while the flow is looked at */
	start();
	for (unsigned i = 0; i < 3; i++) {
		struct sf_facts data = facts_of(1, 0, false);
		uint8_t bytes[22] = { [12] = 0x50, [20] = '.', [21] = 'x' };

		data.protocol = TCP;
		bytes[20] = i == 2 ? '?' : '.';
		syn.tcp_flags = i == 1 ? SYN | ACK : SYN;
		sf_classes_syn(classes, &syn);
		ck_assert_uint_eq(sf_classes_look(classes, &data, bytes, 22, &done), i < 2);
	}
	syn.tcp_flags = SYN | ACK;
	sf_classes_syn(classes, &syn);
	ck_assert_uint_eq(work.begun - work.ended, 1);
	syn.tcp_flags = SYN;
	sf_classes_syn(classes, &syn);
	ck_assert_uint_eq(work.begun - work.ended, 0);
	ck_assert_uint_eq(counters->unknown, 1);
	ck_assert_uint_eq(
		counters->flows, counters->answered + counters->unknown + counters->crowded);
	stop();
}
END_TEST

START_TEST(bounds_states)
{
	enum { MANY = 3 * SF_CLASSES_STATES };

	start();
	ck_assert_uint_eq(look(0, 0, false, "!a"), 1 << 8 | 'a');
	for (unsigned i = 1; i < MANY; i++)
		look(i, 1, false, "?");
	ck_assert_uint_eq(work.begun - work.ended, SF_CLASSES_STATES);
	ck_assert_uint_eq(counters->flows, MANY);
	/* the first one had its answer */
	ck_assert_uint_eq(counters->crowded, MANY - SF_CLASSES_STATES - 1);
	ck_assert_uint_eq(counters->unknown, 0);
	/* who was given up is not shown again */
	ck_assert_uint_eq(look(1, 2, false, "!a"), 0);
	ck_assert_uint_eq(look(MANY - 1, 2, false, "!a"), 1 << 8 | 'a');
	/* flows that are over are not given up: nobody misses them */
	for (unsigned i = MANY; i < 2 * MANY; i++)
		look(i, 60 * SECOND, false, ".a");
	ck_assert_uint_eq(counters->crowded, MANY - SF_CLASSES_STATES - 1);
	stop();
}
END_TEST

START_TEST(bounds_memory)
{
	start();
	for (unsigned i = 0; i < 1000; i++) {
		look(i, i, false, "k");
		ck_assert_uint_le(work.kept, SF_CLASSES_KEPT + (1u << 20));
	}
	ck_assert_uint_gt(counters->crowded, 900);
	/* one flow that keeps too much is given up with its last packet */
	for (unsigned i = 0; i < 3 * SF_CLASSES_PACKETS; i++)
		look(5000, 1000 + i, false, "k");
	ck_assert_uint_le(work.kept, SF_CLASSES_KEPT + (1u << 20));
	stop();
}
END_TEST

START_TEST(bounds_places)
{
	const unsigned many = 2 * SF_CLASSES_PLACES;
	unsigned named = 0;

	start();
	for (unsigned i = 0; i < many; i++)
		named += look(i, 1, false, ".a") == (1 << 8 | 'a');
	ck_assert_uint_eq(named, many);
	ck_assert_uint_eq(counters->flows, many);
	ck_assert_uint_eq(work.begun, work.ended);
	stop();
}
END_TEST

/*
 * What the classifier sees is whole and says how long it is; nothing behind the captured bytes is
 * shown.
 */
START_TEST(writes_packets)
{
	struct sf_facts facts = facts_of(0x30390035, 0, true);
	static uint8_t bytes[5000];

	start();
	memcpy(bytes, "\x00\x35\x30\x39\xff\xff\x00\x00", 8);
	memset(bytes + 8, 0xaa, sizeof(bytes) - 8);
	sf_classes_look(classes, &facts, bytes, 11, &done);
	ck_assert_uint_eq(work.length, 31);
	ck_assert_mem_eq(work.packet,
		"\x45\0\0\x1f\0\0\0\0\x40\x11\0\0\x0a\0\0\x02\x0a\0\0\x01\x00\x35\x30\x39\x00\x0b\0\0\xaa\xaa\xaa",
		31);
	sf_classes_look(classes, &facts, bytes, sizeof(bytes), &done);
	ck_assert_uint_eq(work.length, 20 + SF_CLASSES_BYTES);
	ck_assert_uint_eq(sf_load_be16(work.packet + 2), 20 + SF_CLASSES_BYTES);
	facts.version = 6;
	facts.address6[1][15] = 7;
	sf_classes_look(classes, &facts, bytes, 9, &done);
	ck_assert_mem_eq(work.packet, "\x60\0\0\0\0\x09\x11\x40", 8);
	ck_assert_uint_eq(work.packet[23], 7);
	ck_assert_uint_eq(work.length, 49);
	ck_assert_uint_eq(counters->flows, 2);
	stop();
}
END_TEST

CHECK_MAIN("classify", shows_the_first_packets, begins_flows_anew, bounds_states, bounds_memory,
	bounds_places, writes_packets)
