/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Only the first packets of each direction are read: what ends reading, what begins it anew, and
 * how much is kept.
 */
#include <stdlib.h>
#include <string.h>

#include <spanflow/meter.h>

#include "apps/apps.h"
#include "apps/budget.h"
#include "base/annex.h"
#include "base/wire.h"
#include "check_main.h"
#include "classify/classify.h"

enum { SECOND = 1000000000, TCP = 6, SYN = 0x02 };

static struct sf_apps *apps;
static struct sf_facts facts;
static int64_t now;

static void begin(uint32_t max_flows, int64_t idle_ns)
{
	ck_assert_int_eq(sf_apps_new(&apps, SF_FACT_SET(app) | SF_FACT_SET(ssh)), 0);
	ck_assert_int_eq(sf_apps_limit(apps, max_flows, idle_ns), 0);
	now = 1700000000 * INT64_C(1000000000);
}

static void end(void)
{
	sf_apps_free(apps);
}

/*
 * A segment of this flow and direction. Returns the banner that is told of it; NULL: nothing is
 * told.
 */
static const char *say(uint32_t flow, bool swapped, const char *text)
{
	static char banner[256];
	const size_t length = strlen(text);
	uint8_t bytes[256] = { 0x45, [32] = 0x50 };
	struct sf_packet packet = { .data = bytes, .captured = (uint32_t)(40 + length) };
	const uint8_t *told;

	facts = (struct sf_facts){ .version = 4,
		.protocol = TCP,
		.address = flow,
		.ports = 40000u << 16 | 22,
		.octets = (uint32_t)(40 + length),
		.time_ns = now,
		.flags = SF_FACT_TCP | (swapped ? SF_FACT_SWAPPED : 0) };
	memcpy(bytes + 40, text, length);
	sf_apps_look(apps, &packet, &facts);
	if (!(facts.tcp_flags & SF_TCP_FLAGS_APP))
		return NULL;
	told = sf_app_text(facts.app, 0);
	memcpy(banner, told + 1, *told);
	banner[*told] = 0;
	return banner;
}

START_TEST(the_message_ends_reading)
{
	begin(1000, 15 * INT64_C(1000000000));
	ck_assert_ptr_null(say(1, false, ""));
	ck_assert(sf_apps_wants(apps, &facts));
	ck_assert_str_eq(say(1, false, "SSH-2.0-first\r\n"), "SSH-2.0-first");
	ck_assert(!sf_apps_wants(apps, &facts));
	/* a flood of other names in the same flow */
	for (unsigned i = 0; i < 100000; i++)
		ck_assert_ptr_null(say(1, false, "SSH-2.0-second\r\n"));
	/* the other direction and other flows are read */
	ck_assert_str_eq(say(1, true, "SSH-2.0-answer\r\n"), "SSH-2.0-answer");
	ck_assert_str_eq(say(2, false, "SSH-2.0-other\r\n"), "SSH-2.0-other");
	end();
}
END_TEST

START_TEST(the_budget_ends_reading)
{
	begin(1000, 15 * INT64_C(1000000000));
	for (unsigned i = 1; i < SF_BUDGET_WHOLE / SF_BUDGET_PAYLOAD; i++)
		ck_assert_ptr_null(say(1, false, "220 mail.example.com"));
	/* the last one that is looked at; a cut message is told, too */
	ck_assert_str_eq(say(1, false, "SSH-2.0-cut"), "SSH-2.0-cut");
	ck_assert_ptr_null(say(1, false, "SSH-2.0-late\r\n"));
	ck_assert(!sf_apps_wants(apps, &facts));
	/* packets without payload */
	for (unsigned i = 1; i < SF_BUDGET_WHOLE; i++)
		ck_assert_ptr_null(say(2, false, ""));
	ck_assert_str_eq(say(2, false, "SSH-2.0-cut"), "SSH-2.0-cut");
	ck_assert_ptr_null(say(2, false, "SSH-2.0-late\r\n"));
	end();
}
END_TEST

START_TEST(a_new_flow_is_read_anew)
{
	begin(1000, 15 * INT64_C(1000000000));
	ck_assert_ptr_nonnull(say(1, false, "SSH-2.0-a\r\n"));
	/* packets keep it alive; one that comes late changes nothing */
	for (unsigned i = 0; i < 10; i++) {
		now += 10 * INT64_C(1000000000);
		ck_assert_ptr_null(say(1, false, "SSH-2.0-b\r\n"));
	}
	now -= 30 * INT64_C(1000000000);
	ck_assert_ptr_null(say(1, false, "SSH-2.0-c\r\n"));
	/* silent for the idle timeout */
	now += 46 * INT64_C(1000000000);
	ck_assert_str_eq(say(1, false, "SSH-2.0-d\r\n"), "SSH-2.0-d");
	/* a connection begins */
	now += 2 * INT64_C(1000000000);
	facts.tcp_flags = SYN;
	facts.time_ns = now;
	ck_assert(sf_apps_wants(apps, &facts));
	ck_assert_str_eq(say(1, false, "SSH-2.0-e\r\n"), "SSH-2.0-e");
	end();
}
END_TEST

/* A sender that sets SYN in each packet, and an idle timeout below the unit of time. */
START_TEST(no_packet_renews_without_silence)
{
	struct sf_budgets budgets = { 0 };
	struct sf_facts packet = { .version = 4, .protocol = TCP, .address = 1, .ports = 22 };
	unsigned read = 0;

	for (unsigned k = 0; k < 2; k++) {
		ck_assert_int_eq(
			sf_budgets_init(&budgets, 1000, k ? 100000000 : 15 * INT64_C(1000000000)),
			0);
		packet.tcp_flags = k ? 0 : SYN;
		read = 0;
		for (unsigned i = 0; i < 1000; i++) {
			uint32_t *state = sf_budget_find(&budgets, &packet);

			read += sf_budget_left(*state) > 0;
			sf_budget_take(state, SF_BUDGET_PAYLOAD);
			packet.time_ns += 1000000 / (k ? 10 : 1);
		}
		/* with 100 ms: the packets may lie on both sides of one bound of a unit */
		ck_assert_uint_le(read, SF_BUDGET_WHOLE / SF_BUDGET_PAYLOAD * (k + 1));
		sf_budgets_fini(&budgets);
	}
}
END_TEST

/*
 * Of more directions than places those go that were silent for the longest time; the others are not
 * read again.
 */
START_TEST(a_flood_of_flows_is_bounded)
{
	unsigned again = 0;

	begin(1024, SF_TIMEOUT_NEVER);
	for (uint32_t flow = 1; flow <= 200000; flow++) {
		now += 1000000;
		ck_assert_ptr_nonnull(say(flow, flow & 1, "SSH-2.0-a\r\n"));
	}
	for (uint32_t flow = 200000; flow > 199000; flow--)
		again += say(flow, flow & 1, "SSH-2.0-a\r\n") != NULL;
	ck_assert_uint_lt(again, 50);
	end();
}
END_TEST

/* IPv6, tunnels, VLANs: directions of their own. */
START_TEST(directions_are_told_apart)
{
	struct sf_budgets budgets = { 0 };
	struct sf_facts some[8];

	ck_assert_int_eq(sf_budgets_init(&budgets, 1000, SECOND), 0);
	for (unsigned i = 0; i < 8; i++)
		some[i] = (struct sf_facts){ .version = 6, .protocol = TCP, .ports = 1 };
	some[1].address6[0][3] = 1;
	some[2].address6[1][15] = 1;
	some[3].flags = SF_FACT_SWAPPED;
	some[4].tags = 5 << 20;
	some[5].flags = SF_FACT_TUNNEL;
	some[6] = some[5];
	some[6].tunnel.id = 1;
	some[7].scope = 1;
	for (unsigned i = 0; i < 8; i++)
		for (unsigned k = 0; k < i; k++)
			ck_assert_ptr_ne(sf_budget_find(&budgets, &some[i]),
				sf_budget_find(&budgets, &some[k]));
	sf_budget_take(sf_budget_find(&budgets, &some[5]), 1000);
	ck_assert_uint_eq(sf_budget_left(*sf_budget_find(&budgets, &some[5])), 0);
	ck_assert_uint_eq(sf_budget_left(*sf_budget_find(&budgets, &some[6])), SF_BUDGET_WHOLE);
	sf_budgets_fini(&budgets);
}
END_TEST

/* A classifier without answers. */
struct sf_classifier_work {
	unsigned begun, ended;
};

static struct sf_classifier_work work;

static struct sf_classifier_work *open_work(void)
{
	work = (struct sf_classifier_work){ 0 };
	return &work;
}

static void close_work(struct sf_classifier_work *closed)
{
	(void)closed;
}

static void begin_flow(struct sf_classifier_work *at, void *state)
{
	(void)state;
	at->begun++;
}

static enum sf_classifier_answer see(struct sf_classifier_work *at, void *state, const uint8_t *ip,
	size_t length, int64_t time_ns, bool last, struct sf_application *application)
{
	(void)at, (void)state, (void)ip, (void)length, (void)time_ns, (void)last, (void)application;
	return SF_CLASSIFIER_NOTHING;
}

static void end_flow(struct sf_classifier_work *at, void *state)
{
	(void)state;
	at->ended++;
}

static size_t kept(const struct sf_classifier_work *at)
{
	(void)at;
	return 0;
}

static void segment(unsigned flags, const char *text)
{
	const size_t length = strlen(text);
	uint8_t bytes[64] = { 0x45, [9] = TCP, [32] = 0x50 };
	struct sf_packet packet = { .data = bytes, .captured = (uint32_t)(40 + length) };

	facts = (struct sf_facts){ .version = 4,
		.protocol = TCP,
		.address = 1,
		.ports = 40000u << 16 | 22,
		.octets = (uint32_t)(40 + length),
		.time_ns = now,
		.tcp_flags = (uint16_t)flags,
		.flags = SF_FACT_TCP };
	memcpy(bytes + 40, text, length);
	sf_apps_look(apps, &packet, &facts);
	now += 1000000;
}

/*
 * The classifier's flow too begins anew by a SYN after a silence only: else each packet with SYN
 * cost a flow.
 */
START_TEST(a_syn_begins_the_classifiers_flow_after_silence)
{
	static const struct sf_classifier silent = { .state_bytes = 8,
		.open = open_work,
		.close = close_work,
		.begin = begin_flow,
		.packet = see,
		.end = end_flow,
		.kept = kept };

	ck_assert_int_eq(sf_apps_new(&apps, SF_FACT_SET(app) | SF_FACT_SET(application)), 0);
	ck_assert_int_eq(sf_apps_classify(apps, &silent, 15 * INT64_C(1000000000)), 0);
	ck_assert_int_eq(sf_apps_limit(apps, 1000, 15 * INT64_C(1000000000)), 0);
	now = 1700000000 * INT64_C(1000000000);
	segment(SYN, "");
	segment(0, "x");
	ck_assert_uint_eq(work.begun, 1);
	for (unsigned i = 0; i < 5; i++)
		segment(SYN, "x");
	ck_assert_uint_eq(work.begun, 1);
	ck_assert_uint_eq(work.ended, 0);
	now += 2 * INT64_C(1000000000);
	segment(SYN, "");
	ck_assert_uint_eq(work.ended, 1);
	segment(0, "x");
	ck_assert_uint_eq(work.begun, 2);
	end();
}
END_TEST

CHECK_MAIN("budget", the_message_ends_reading, the_budget_ends_reading, a_new_flow_is_read_anew,
	no_packet_renews_without_silence, a_syn_begins_the_classifiers_flow_after_silence,
	a_flood_of_flows_is_bounded, directions_are_told_apart)
