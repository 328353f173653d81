/* SPDX-License-Identifier: BSD-2-Clause */
/* How a collecting process receives datagrams, and how its runs end. */
#include "receiver_support.h"

START_TEST(duration_ends_a_run)
{
	make(3600 * SF_NS_PER_S, 0);
	send_to(0, 3, "abc");
	ck_assert_str_eq(sf_receiver_run(&receiver), "duration");
	ck_assert_int_eq(sf_loop_now(loop), START + 3600 * SF_NS_PER_S);
	ck_assert_uint_eq(seen.messages, 3);
	ck_assert_str_eq(seen.last, "abc");
	ck_assert_uint_eq(receiver.datagrams, 3);
	ck_assert_uint_eq(receiver.undecoded, 0);
	ck_assert_int_eq(receiver.error.code, 0);
	ck_assert_uint_eq(sf_receiver_dropped(&receiver), 0);
	fini();
}
END_TEST

static void send_more(void)
{
	sf_loop_fake_clock(loop, sf_loop_now(loop) + 7 * SF_NS_PER_S);
	send_to(0, 1, "b");
}

START_TEST(silence_ends_a_run)
{
	make(0, 10 * SF_NS_PER_S);
	send_to(0, 1, "a");
	seen.act_at = 1;
	seen.act = send_more;
	ck_assert_str_eq(sf_receiver_run(&receiver), "idle");
	ck_assert_uint_eq(seen.messages, 2);
	ck_assert_int_eq(sf_loop_now(loop), START + 17 * SF_NS_PER_S);
	fini();
}
END_TEST

static void end(void)
{
	sf_receiver_end(&receiver, "SIGTERM");
	sf_receiver_end(&receiver, "SIGINT");
}

/* What lies in the sockets by then is received, in any number of batches. */
START_TEST(end_drains_the_sockets)
{
	make(0, 0);
	send_to(0, 200, "x");
	seen.act_at = 1;
	seen.act = end;
	ck_assert_str_eq(sf_receiver_run(&receiver), "SIGTERM");
	ck_assert_uint_eq(seen.messages, 200);
	ck_assert_uint_eq(receiver.undecoded, 0);
	fini();
	make(0, 0);
	send_to(0, 5, "x");
	end();
	ck_assert_str_eq(sf_receiver_run(&receiver), "SIGTERM");
	ck_assert_uint_eq(seen.messages, 5);
	fini();
}
END_TEST

static void end_before_more(void)
{
	end();
	send_to(0, 20, "late");
}

/* Of what is much work: a second for 10 datagrams, and 5 s for those that lie in the socket. */
START_TEST(draining_is_bounded)
{
	make(0, 0);
	send_to(0, 60, "x");
	seen.work_ns = SF_NS_PER_S / 10;
	seen.act_at = 10;
	seen.act = end_before_more;
	ck_assert_str_eq(sf_receiver_run(&receiver), "SIGTERM");
	ck_assert_uint_eq(seen.messages, 60);
	ck_assert_uint_eq(receiver.datagrams, 60);
	ck_assert_uint_eq(receiver.undecoded, 0);
	ck_assert_uint_eq(sf_receiver_dropped(&receiver), 0);
	fini();
	make(0, 0);
	send_to(0, 100, "x");
	seen.work_ns = SF_NS_PER_S / 10;
	seen.act_at = 10;
	seen.act = end_before_more;
	ck_assert_str_eq(sf_receiver_run(&receiver), "SIGTERM");
	ck_assert_uint_eq(seen.messages, 60);
	ck_assert_uint_eq(receiver.datagrams, 100);
	ck_assert_uint_eq(receiver.undecoded, 40);
	fini();
}
END_TEST

/* The duration is looked at between two datagrams of a batch. */
START_TEST(duration_is_seen_within_a_batch)
{
	make(SF_NS_PER_S / 10, 0);
	send_to(0, 60, "x");
	seen.work_ns = SF_NS_PER_S / 5;
	ck_assert_str_eq(sf_receiver_run(&receiver), "duration");
	ck_assert_uint_eq(seen.messages, 1 + 25);
	ck_assert_uint_eq(receiver.undecoded, 34);
	fini();
}
END_TEST

static void cut(void)
{
	sf_receiver_cut(&receiver); /* it does not drain yet: no effect */
	ck_assert_ptr_null(receiver.ended);
	end();
	sf_receiver_cut(&receiver);
}

static void stop(void)
{
	sf_receiver_stop(&receiver, "count");
	sf_receiver_stop(&receiver, "output");
	end();
}

START_TEST(run_can_end_between_two_datagrams)
{
	make(0, 0);
	send_to(0, 20, "x");
	seen.act_at = 5;
	seen.act = cut;
	ck_assert_str_eq(sf_receiver_run(&receiver), "SIGTERM");
	ck_assert_uint_eq(seen.messages, 5);
	ck_assert_uint_eq(receiver.datagrams, 20);
	ck_assert_uint_eq(receiver.undecoded, 15);
	fini();
	/* what nobody wants is not counted */
	make(0, 0);
	send_to(0, 20, "x");
	seen.act_at = 5;
	seen.act = stop;
	ck_assert_str_eq(sf_receiver_run(&receiver), "count");
	ck_assert_uint_eq(receiver.datagrams, 5);
	ck_assert_uint_eq(receiver.undecoded, 0);
	fini();
}
END_TEST

static void end_with_more(void)
{
	send_to(1, 100, "y");
	end();
}

/*
 * What is in the sockets when there is no time left is counted: 51 of 200 datagrams in the first
 * socket and none of 100 in the second one are decoded. Later ones are neither received nor
 * dropped.
 */
START_TEST(what_is_left_in_the_sockets_is_counted)
{
	make(0, 0);
	ck_assert_int_eq(sf_receiver_listen(&receiver, "udp://127.0.0.1:0", &error), 0);
	send_to(0, 200, "x");
	seen.work_ns = SF_NS_PER_S / 10;
	seen.act_at = 1;
	seen.act = end_with_more;
	ck_assert_str_eq(sf_receiver_run(&receiver), "SIGTERM");
	ck_assert_uint_eq(seen.messages, 51);
	ck_assert_uint_eq(receiver.datagrams, 300);
	ck_assert_uint_eq(receiver.undecoded, 249);
	ck_assert_uint_eq(sf_receiver_dropped(&receiver), 0);
	send_to(0, 5, "x");
	ck_assert_uint_eq(sf_receiver_dropped(&receiver), 0);
	fini();
	/* those of no use are not */
	make(0, 0);
	send_to(0, 200, "x");
	seen.act_at = 5;
	seen.act = stop;
	ck_assert_str_eq(sf_receiver_run(&receiver), "count");
	ck_assert_uint_eq(receiver.datagrams, 5);
	ck_assert_uint_eq(receiver.undecoded, 0);
	fini();
}
END_TEST

/* At the first pause, then every 100 ms while records may be held back, then never again. */
START_TEST(output_is_written_when_the_input_pauses)
{
	make(86400 * SF_NS_PER_S, 0);
	send_to(0, 1, "x");
	sf_receiver_run(&receiver);
	ck_assert_int_eq(seen.first_ns, START);
	ck_assert_int_gt(seen.final_ns, START + SF_NS_PER_S);
	ck_assert_int_lt(seen.final_ns, START + 2 * SF_NS_PER_S);
	ck_assert_uint_ge(seen.written_out, 12);
	ck_assert_uint_le(seen.written_out, 18);
	fini();
}
END_TEST

START_TEST(flood_on_one_socket_does_not_starve_another)
{
	make(SF_NS_PER_S, 0);
	ck_assert_int_eq(sf_receiver_listen(&receiver, "udp://127.0.0.1:0", &error), 0);
	ck_assert_uint_eq(receiver.count, 2);
	send_to(0, 200, "f");
	send_to(1, 1, "q");
	sf_receiver_run(&receiver);
	ck_assert_uint_eq(seen.messages, 201);
	ck_assert_int_le(strchr(seen.order, 'q') - seen.order, SF_LISTEN_BATCH);
	fini();
}
END_TEST

START_TEST(wrong_urls_are_refused)
{
	make(0, 0);
	ck_assert_int_eq(sf_receiver_listen(&receiver, "tcp:127.0.0.1", &error), SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "udp://HOST:PORT"));
	ck_assert_int_lt(sf_receiver_listen(&receiver, receiver.listeners[0].url, &error), 0);
	ck_assert_uint_eq(receiver.count, 1);
	fini();
}
END_TEST

CHECK_MAIN("receiver", duration_ends_a_run, silence_ends_a_run, end_drains_the_sockets,
	draining_is_bounded, duration_is_seen_within_a_batch, run_can_end_between_two_datagrams,
	what_is_left_in_the_sockets_is_counted, output_is_written_when_the_input_pauses,
	flood_on_one_socket_does_not_starve_another, wrong_urls_are_refused);
