/* SPDX-License-Identifier: BSD-2-Clause */
#include "receive/receiver.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"

#define OUTPUT_NS (SF_NS_PER_S / 10)       /* output waits no longer */
#define DRAIN_NS  (SF_NS_PER_S * 15 / 100) /* for what connections bring at the end */
#define HELD_NS   (SF_NS_PER_S * 5)        /* for datagrams that the sockets hold then */
/*
 * After the last datagram the output is written every OUTPUT_NS for so long: files and text hold
 * back records for up to a second.
 */
#define WRITE_OUT_NS (SF_NS_PER_S * 3 / 2)

void sf_receiver_end(struct sf_receiver *receiver, const char *why)
{
	if (receiver->ending || receiver->ended)
		return;
	receiver->ending = why;
	receiver->deadline_ns = sf_loop_read_clock(receiver->loop) + DRAIN_NS;
	receiver->cut_ns = receiver->deadline_ns - DRAIN_NS + HELD_NS;
	/* DTLS has to answer what comes */
	for (unsigned i = 0; i < receiver->count; i++)
		if (!receiver->listeners[i].dtls.ops)
			sf_listen_shut(&receiver->listeners[i]);
}

void sf_receiver_cut(struct sf_receiver *receiver)
{
	if (!receiver->ended)
		receiver->ended = receiver->ending;
}

void sf_receiver_stop(struct sf_receiver *receiver, const char *why)
{
	if (!receiver->ended)
		receiver->ended = why;
}

/* Called between the datagrams of a batch too, because a message may be much work. */
static void look_at_clock(struct sf_receiver *receiver)
{
	int64_t now;

	if (receiver->deadline_ns == INT64_MAX)
		return;
	now = sf_loop_read_clock(receiver->loop);
	if (now < receiver->deadline_ns)
		return;
	if (!receiver->ending)
		sf_receiver_end(receiver, "duration");
	else if (receiver->took_datagrams && now < receiver->cut_ns)
		receiver->deadline_ns =
			now + DRAIN_NS < receiver->cut_ns ? now + DRAIN_NS : receiver->cut_ns;
	else
		sf_receiver_cut(receiver);
}

static void fail(struct sf_receiver *receiver, const char *where, int code)
{
	sf_error_set(&receiver->error, code, "%s: %s", where, sf_strerror(code));
	sf_receiver_stop(receiver, "failure");
}

/* Called when something was received. */
static void note_input(void *context)
{
	struct sf_receiver *receiver = context;
	const struct sf_receiver_options *options = &receiver->options;

	receiver->batches++;
	receiver->last_batch_ns = sf_loop_now(receiver->loop);
	if (options->silence_ns && !receiver->ending)
		sf_timer_set(&receiver->silence, receiver->last_batch_ns + options->silence_ns);
	if (!receiver->output.period)
		sf_timer_repeat(&receiver->output, OUTPUT_NS);
}

static void take_batch(struct sf_receiver *receiver, unsigned count)
{
	const struct sf_receiver_options *options = &receiver->options;
	char sender[SF_LISTEN_NAME];
	unsigned i = 0;

	note_input(receiver);
	receiver->took_datagrams = true;
	receiver->datagrams += count;
	for (; i < count && !receiver->ended; i++) {
		size_t length;
		const uint8_t *data = sf_listen_datagram(receiver->batch, i, &length, sender);

		options->message(options->context, sender, data, length);
		look_at_clock(receiver);
	}
	if (receiver->ended == receiver->ending)
		receiver->undecoded += count - i;
	else
		receiver->datagrams -= count - i; /* no further message is wanted */
}

static void receive(struct sf_watch *watch, unsigned ready)
{
	struct sf_listener *listener = (struct sf_listener *)watch;
	struct sf_receiver *receiver = watch->context;
	int n;

	(void)ready;
	if (receiver->ended)
		return;
	n = sf_listen_receive(listener, receiver->batch);
	if (n > 0)
		take_batch(receiver, (unsigned)n);
	else if (n < 0)
		fail(receiver, listener->url, n);
}

/* ---------------------------------------------------------------- DTLS */

static bool take_record(
	void *context, const char *sender, uint16_t stream, const uint8_t *data, size_t length)
{
	struct sf_receiver *receiver = context;

	(void)stream;
	if (receiver->ended)
		return false;
	receiver->datagrams++;
	receiver->options.message(receiver->options.context, sender, data, length);
	look_at_clock(receiver);
	return receiver->ended == NULL;
}

/* The run has ended before `count` datagrams that have come. */
static void leave(struct sf_receiver *receiver, uint64_t count)
{
	if (receiver->ended != receiver->ending)
		return; /* no further message is wanted */
	receiver->datagrams += count;
	receiver->undecoded += count;
}

static void receive_records(struct sf_watch *watch, unsigned ready)
{
	struct sf_listener *listener = (struct sf_listener *)watch;
	struct sf_receiver *receiver = watch->context;
	char sender[SF_LISTEN_NAME];
	struct sf_path path;
	size_t length;
	int n;

	(void)ready;
	if (receiver->ended)
		return;
	n = sf_listen_receive(listener, receiver->batch);
	if (n < 0)
		fail(receiver, listener->url, n);
	if (n <= 0)
		return;
	note_input(receiver);
	for (unsigned i = 0; i < (unsigned)n && !receiver->ended; i++) {
		const uint8_t *data = sf_listen_datagram(receiver->batch, i, &length, sender);

		sf_listen_path(listener, receiver->batch, i, &path);
		/* a run that drains begins no session */
		if (!sf_sessions_take(&receiver->sessions, &listener->dtls, &path, data, length,
			    !receiver->ending))
			leave(receiver, (unsigned)n - i - 1);
	}
}

/* ---------------------------------------------------------------- SCTP over UDP */

static void receive_packets(struct sf_watch *watch, unsigned ready)
{
	struct sf_listener *listener = (struct sf_listener *)watch;
	struct sf_receiver *receiver = watch->context;
	char sender[SF_LISTEN_NAME];
	struct sf_path path;
	size_t length;
	int n, code = 0;

	(void)ready;
	if (receiver->ended)
		return;
	n = sf_listen_receive(listener, receiver->batch);
	for (int i = 0; i < n && code == 0; i++) {
		const uint8_t *data =
			sf_listen_datagram(receiver->batch, (unsigned)i, &length, sender);

		sf_listen_path(listener, receiver->batch, (unsigned)i, &path);
		/* a run that drains accepts no new association */
		code = sf_inflows_take(&receiver->inflows, &listener->gate, &path, data, length,
			!receiver->ending);
	}
	if (n < 0 || code < 0)
		fail(receiver, listener->url, n < 0 ? n : code);
	else
		sf_inflows_serve(&receiver->inflows);
}

/* ---------------------------------------------------------------- connections */

static bool take_message(
	void *context, const char *sender, uint16_t stream, const uint8_t *data, size_t length)
{
	struct sf_receiver *receiver = context;

	if (receiver->ended)
		return false;
	receiver->options.stream_message(receiver->options.context, sender, stream, data, length);
	look_at_clock(receiver);
	return receiver->ended == NULL;
}

static void take_end(void *context, const char *sender, const char *trouble)
{
	struct sf_receiver *receiver = context;

	receiver->options.stream_end(receiver->options.context, sender, trouble);
}

static void accept_one(struct sf_watch *watch, unsigned ready)
{
	struct sf_listener *listener = (struct sf_listener *)watch;
	struct sf_receiver *receiver = watch->context;
	int code;

	(void)ready;
	/* a run that drains accepts no new connection */
	if (receiver->ending || receiver->ended)
		return;
	code = sf_inflows_accept(&receiver->inflows, watch, &listener->gate);
	if (code < 0)
		fail(receiver, listener->url, code);
}

/* ---------------------------------------------------------------- the run */

static void on_duration(struct sf_timer *timer)
{
	look_at_clock(timer->context);
}

static void on_silence(struct sf_timer *timer)
{
	sf_receiver_end(timer->context, "idle");
}

static void write_out(struct sf_receiver *receiver)
{
	const struct sf_receiver_options *options = &receiver->options;

	if (options->write_out)
		options->write_out(options->context);
}

static void on_output(struct sf_timer *timer)
{
	struct sf_receiver *receiver = timer->context;

	write_out(receiver);
	if (sf_loop_now(timer->loop) - receiver->last_batch_ns > WRITE_OUT_NS)
		sf_timer_stop(timer);
}

static_assert(SF_LISTEN_MAX <= SF_INFLOW_SOCKETS, "each listening socket may have to wait");

int sf_receiver_init(struct sf_receiver *receiver, struct sf_loop *loop,
	const struct sf_receiver_options *options)
{
	const struct sf_inflow_owner owner = { note_input, take_message, take_end, receiver };
	const struct sf_inflow_owner records = { note_input, take_record, take_end, receiver };
	int err;

	memset(receiver, 0, sizeof(*receiver));
	receiver->options = *options;
	receiver->loop = loop;
	sf_inflows_init(&receiver->inflows, loop, &owner);
	receiver->deadline_ns = INT64_MAX;
	receiver->batch = sf_listen_batch_new();
	err = receiver->batch ? 0 : -ENOMEM;
	if (!err)
		err = sf_sessions_init(&receiver->sessions, loop, &records);
	if (!err)
		err = sf_loop_add_timer(loop, &receiver->duration, on_duration, receiver);
	if (!err)
		err = sf_loop_add_timer(loop, &receiver->silence, on_silence, receiver);
	if (!err)
		err = sf_loop_add_timer(loop, &receiver->output, on_output, receiver);
	return err;
}

void sf_receiver_fini(struct sf_receiver *receiver)
{
	sf_inflows_fini(&receiver->inflows);
	sf_sessions_fini(&receiver->sessions);
	for (unsigned i = 0; i < receiver->count; i++) {
		sf_watch_remove(&receiver->listeners[i].watch);
		sf_listen_close(&receiver->listeners[i]);
	}
	receiver->count = 0;
	sf_timer_remove(&receiver->duration);
	sf_timer_remove(&receiver->silence);
	sf_timer_remove(&receiver->output);
	sf_listen_batch_free(receiver->batch);
	receiver->batch = NULL;
}

int sf_receiver_listen(struct sf_receiver *receiver, const char *url, struct sf_error *error)
{
	struct sf_listener *opened = &receiver->listeners[receiver->count];
	int count = sf_listen_open(opened, SF_LISTEN_MAX - receiver->count, url, error);

	if (count > 0)
		receiver->count += (unsigned)count;
	for (int i = 0; i < count; i++) {
		int err = sf_loop_add_watch(receiver->loop, &opened[i].watch, opened[i].fd,
			SF_LOOP_READ,
			opened[i].stream               ? accept_one
			: opened[i].dtls.ops           ? receive_records
			: opened[i].gate.sctp_listener ? receive_packets
						       : receive,
			receiver);

		if (err)
			return sf_error_set(error, err, "--listen %s: %s", url, sf_strerror(err));
	}
	return count < 0 ? count : 0;
}

static void start_timers(struct sf_receiver *receiver)
{
	int64_t now = sf_loop_read_clock(receiver->loop);

	if (receiver->options.duration_ns) {
		receiver->deadline_ns = now + receiver->options.duration_ns;
		sf_timer_set(&receiver->duration, receiver->deadline_ns);
	}
	if (receiver->options.silence_ns)
		sf_timer_set(&receiver->silence, now + receiver->options.silence_ns);
}

/* True if a batch was received. */
static bool turn(struct sf_receiver *receiver, int64_t until)
{
	uint64_t before = receiver->batches;
	int result;

	receiver->took_datagrams = false;
	result = sf_loop_turn(receiver->loop, until);
	if (result < 0)
		fail(receiver, "epoll_wait", result);
	return receiver->batches != before;
}

const char *sf_receiver_run(struct sf_receiver *receiver)
{
	bool received = false;

	start_timers(receiver);
	while (!receiver->ended) {
		bool draining = receiver->ending != NULL, before = received;

		received = turn(receiver, draining || before ? 0 : INT64_MAX);
		if (!received && before)
			write_out(receiver);
		look_at_clock(receiver);
		/* nothing is left in the sockets */
		if (!received && draining)
			sf_receiver_cut(receiver);
	}
	for (unsigned i = 0; i < receiver->count; i++)
		leave(receiver, sf_listen_leave(&receiver->listeners[i]));
	return receiver->ended;
}

int sf_receiver_reload(struct sf_receiver *receiver, struct sf_error *error)
{
	int code = 0;

	for (unsigned i = 0; i < receiver->count && code == 0; i++)
		code = sf_listen_reload(&receiver->listeners[i], error);
	return code;
}

uint64_t sf_receiver_dropped(struct sf_receiver *receiver)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < receiver->count; i++) {
		sf_listen_drops(&receiver->listeners[i]);
		sum += receiver->listeners[i].dropped;
	}
	return sum;
}
