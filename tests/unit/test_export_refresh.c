/* SPDX-License-Identifier: BSD-2-Clause */
/* When an export session repeats its templates, and what a step of the wall clock does to it. */
#include "export_support.h"

static unsigned template_messages(unsigned from)
{
	unsigned count = 0;

	for (unsigned i = from; i < reader->message_count; i++)
		count += reader->messages[i].templates > 0;
	return count;
}

/* RFC 7011 §8.4, RFC 3954 §7: again after the refresh interval, idle link or not. */
/* [RFC7011-8.4-1] [RFC3954-7-5] [RFC3954-7-6] */
START_TEST(templates_are_repeated_by_time)
{
	for (int v9 = 0; v9 < 2; v9++) {
		struct sf_exporter *exporter =
			start(LIVE, v9 ? NETFLOW9 : IPFIX, ",template-refresh=60s");
		int64_t wall = T0 + 3600 * S;
		unsigned seen;

		sf_exporter_tick(exporter, wall, wall);
		receive(reader, &receiver);
		ck_assert_uint_eq(template_messages(0), 2);
		seen = reader->message_count;
		for (int second = 1; second < 60; second++)
			sf_exporter_tick(exporter, wall + second * S, wall + second * S);
		receive(reader, &receiver);
		ck_assert_uint_eq(reader->message_count, seen);
		sf_exporter_tick(exporter, wall + 60 * S, wall + 60 * S);
		receive(reader, &receiver);
		ck_assert_uint_eq(template_messages(seen), 1);
		/* options data are state too: RFC 3954 §6.2 */
		ck_assert_uint_ge(reader->messages[reader->message_count - 1].options, 2);
		finish(exporter);
		end();
	}
}
END_TEST

/*
 * RFC 5153 §6.2: the refresh counts data messages; template messages do not bring the next one
 * nearer.
 */
/* [RFC3954-7-7] [RFC3954-7-8] */
START_TEST(templates_are_repeated_by_data_messages)
{
	struct sf_exporter *exporter = start(
		LIVE, IPFIX, ",template-refresh=0,template-refresh-packets=2,mtu=200,options=no");
	int64_t wall = T0 + 10 * S;
	unsigned seen, data = 0, templates;

	sf_exporter_tick(exporter, wall, wall);
	receive(reader, &receiver);
	seen = reader->message_count;
	for (int second = 1; second < 200; second++)
		sf_exporter_tick(exporter, wall + second * S, wall + second * S);
	receive(reader, &receiver);
	ck_assert_uint_eq(reader->message_count, seen);
	for (unsigned i = 0; i < 10; i++) {
		struct sf_flow flow = flow_ipv4(i);

		put(exporter, &flow);
		sf_exporter_tick(exporter, wall + (300 + i) * S, wall + (300 + i) * S);
	}
	receive(reader, &receiver);
	for (unsigned i = seen; i < reader->message_count; i++)
		data += reader->messages[i].flows > 0;
	ck_assert_uint_eq(data, 10);
	templates = template_messages(seen);
	ck_assert_uint_ge(templates, 4 * 4); /* mtu=200: one template per message */
	ck_assert_uint_le(templates, 5 * 4);
	finish(exporter);
	end();
}
END_TEST

/*
 * A clock that was a day ahead is set right. RFC 7011 §3.1: IPFIX tells the time at which a message
 * leaves; §8.2: no data before their template. The uptime of NetFlow does not go back.
 */
/* [RFC7011-8.2-1] [RFC7011-8.2-2] */
START_TEST(wall_clock_is_set_back)
{
	for (int i = 0; i < 3; i++) {
		static const char *const rest[] = { "",
			",template-refresh=0,template-refresh-packets=0", "" };
		bool v9 = i == 2;
		struct sf_exporter *exporter = start(LIVE, v9 ? NETFLOW9 : IPFIX, rest[i]);
		int64_t ahead = T0 + 86400 * S;
		unsigned seen, templates = UINT32_MAX;

		sf_exporter_tick(exporter, ahead, ahead);
		sf_exporter_tick(exporter, ahead + 30 * S, ahead);
		receive(reader, &receiver);
		seen = reader->message_count;
		for (unsigned second = 0; second < 200; second++) {
			struct sf_flow flow = flow_ipv4(second);

			put(exporter, &flow);
			sf_exporter_tick(exporter, T0 + second * S, T0);
		}
		receive(reader, &receiver);
		for (unsigned m = seen; m < reader->message_count; m++) {
			const struct message *message = &reader->messages[m];

			if (message->templates && templates > m)
				templates = m;
			if (message->flows) {
				ck_assert_uint_lt(templates, m);
				if (!v9)
					ck_assert_uint_ge(
						message->time, reader->messages[templates].time);
			}
			if (v9)
				ck_assert_uint_ge(message->uptime, reader->messages[m - 1].uptime);
			else
				ck_assert_uint_le(message->time, T0 / S + 200);
		}
		/* at once, and then every minute unless that is switched off */
		ck_assert_uint_eq(template_messages(seen), i == 1 ? 1 : 4);
		finish(exporter);
		end();
	}
}
END_TEST

/* [RFC7011-8.4-2] */
START_TEST(template_refresh_can_be_switched_off)
{
	struct sf_exporter *exporter =
		start(LIVE, IPFIX, ",template-refresh=0,template-refresh-packets=0");
	int64_t wall = T0;
	unsigned seen;

	sf_exporter_tick(exporter, wall, wall);
	receive(reader, &receiver);
	seen = reader->message_count;
	put_many(exporter, 2000);
	sf_exporter_tick(exporter, wall + 86400 * S, wall + 86400 * S);
	receive(reader, &receiver);
	ck_assert_uint_eq(template_messages(seen), 0);
	finish(exporter);
	end();
}
END_TEST

CHECK_MAIN("export_refresh", templates_are_repeated_by_time,
	templates_are_repeated_by_data_messages, wall_clock_is_set_back,
	template_refresh_can_be_switched_off);
