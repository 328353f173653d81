/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop of workers who take turns at files (meter/relay.h). Parsing computes and accounting
 * waits for memory, so both are done in turns of some packets. Not all accounting, though: some is
 * left for the time when it is another's turn. Who is far behind leaves the turns to the others.
 *
 * Books: what a worker has parsed may be turns ahead of what the others have accounted. So a
 * question for the books goes along with a turn, and each answers when it has accounted that one:
 * with what it had parsed up to then, which it notes down for each turn of its own. The sums are
 * those of one worker that stopped there.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "cli/worker.h"
#include "meter/meter_facts.h"

#define BEHIND        3u   /* turns that wait for accounting: then it is no time for another */
#define YIELDS        200u /* some 0.4 µs each, and a turn some 40: then a pipe is waited for */
#define PAUSE_US      50L
#define PAUSE_DOUBLED 8u /* times: 12.8 ms */

/* What a worker counts when it receives and parses. */
struct counted {
	uint64_t frames, unread;
	struct sf_parsed parsed;
};

struct sf_turn_work {
	struct counted counted[SF_RELAY_SLOTS]; /* after each turn of its own that is under way, */
	struct counted accounted;               /* and after the last one that it has accounted */
	unsigned idle;                          /* steps without anything to do */
	const struct sf_relay_turn *turn;       /* being accounted, NULL: none */
	unsigned piece;
	struct sf_relay_list list;
	struct sf_packet packets[SF_RELAY_TURN];
	int64_t clocks[SF_RELAY_TURN];
};

int sf_turns_init(struct sf_turns *turns, unsigned workers, const uint64_t secret[2], bool bare,
	int64_t limit_ns)
{
	sf_timing_init(&turns->timing, limit_ns);
	atomic_init(&turns->state, SF_WORKER_RUNNING);
	return sf_relay_new(&turns->relay, workers, secret, bare);
}

int sf_turns_join(struct sf_worker *worker)
{
	worker->work = calloc(1, sizeof(*worker->work));
	if (!worker->work)
		return -ENOMEM;
	worker->work->accounted.parsed.unsupported_link = UINT32_MAX;
	return 0;
}

void sf_turns_end(struct sf_turns *turns, enum sf_worker_state state)
{
	unsigned going = SF_WORKER_RUNNING;

	if (atomic_compare_exchange_strong(&turns->state, &going, state))
		sf_relay_close(turns->relay);
}

void sf_turns_books(const struct sf_worker *worker, struct sf_books *books)
{
	const struct counted *counted = &worker->work->accounted;

	books->frames = counted->frames;
	books->unread = counted->unread;
	sf_parsed_enter(&counted->parsed, &books->ledger);
}

/* A turn was accounted. */
static void end_account(struct sf_worker *worker)
{
	struct sf_turn_work *work = worker->work;
	const struct sf_relay_turn *turn = work->turn;

	work->turn = NULL;
	sf_worker_tell_clock(worker);
	if (turn->writer == worker->options.number)
		work->accounted = work->counted[turn->slot];
	if (turn->note)
		sf_worker_answer(worker, turn->note);
	sf_relay_done(worker->options.turns->relay, worker->options.number);
}

/* Accounts some packets. False: there are none now. */
static bool account_some(struct sf_worker *worker)
{
	struct sf_relay *relay = worker->options.turns->relay;
	struct sf_turn_work *work = worker->work;
	unsigned n, me = worker->options.number;

	if (!work->turn) {
		work->turn = sf_relay_next(relay, me);
		if (!work->turn)
			return false;
		work->piece = 0;
		work->list = sf_relay_list(work->turn, me, 0);
	}
	n = sf_relay_get(relay, &work->list, sf_meter_room(worker->meter), SF_METER_PART);
	sf_meter_offer(worker->meter, n);
	if (work->list.next == work->list.end) {
		worker->timing.clock.now = work->turn->clocks[work->piece++];
		sf_worker_age(worker);
		if (work->piece == work->turn->pieces)
			end_account(worker);
		else
			work->list = sf_relay_list(work->turn, me, work->piece);
	}
	return true;
}

/* Parses the packets of a turn for all. */
static void hand_on(
	struct sf_worker *worker, const struct sf_relay_turn *turn, const struct sf_received *batch)
{
	struct sf_relay *relay = worker->options.turns->relay;
	unsigned me = worker->options.number;
	struct sf_facts facts[SF_METER_PART];

	for (unsigned i = 0, n; i < batch->count; i += n) {
		unsigned parsed;

		n = batch->count - i < SF_METER_PART ? batch->count - i : SF_METER_PART;
		parsed = sf_meter_parse(worker->meter, batch->packets + i, n,
			batch->clock ? batch->clock + i : NULL, &worker->options.input->point,
			facts);
		sf_relay_put(relay, me, facts, parsed, sf_received_clock(batch, i + n - 1));
		account_some(worker);
	}
	worker->work->counted[turn->slot] = (struct counted){
		.frames = worker->frames,
		.unread = worker->unread,
		.parsed = sf_meter_parsed(worker->meter),
	};
}

/*
 * Packets of a turn. What comes after a limit is not metered, but read: about as much as by one
 * worker.
 */
static unsigned turn_size(const struct sf_worker *worker)
{
	const struct sf_worker_options *options = &worker->options;

	return options->budget || options->packet_duration_ns
		       ? SF_BATCH_MAX
		       : sf_relay_most(options->turns->relay);
}

/* The source is quiet: nothing is to wait until it goes on. */
static void catch_up(struct sf_worker *worker)
{
	while (account_some(worker))
		;
	sf_door_try(worker);
}

/* It is the worker's turn. False: it came to nothing. */
static bool take_turn(struct sf_worker *worker)
{
	struct sf_turns *turns = worker->options.turns;
	struct sf_received batch = { worker->work->packets, worker->work->clocks };
	enum sf_worker_state state =
		sf_worker_receive(worker, &turns->timing, &batch, turn_size(worker));
	uint32_t question = sf_worker_question(worker);
	bool asked = question != turns->asked;
	const struct sf_relay_turn *turn;
	int64_t clock;

	if (state > SF_WORKER_QUIET)
		sf_turns_end(turns, state);
	if (!batch.received && !asked) {
		sf_relay_pass(turns->relay);
		catch_up(worker);
		return false;
	}
	turns->asked = question;
	clock = turns->timing.clock.now;
	turn = sf_relay_leave(turns->relay, worker->options.number, asked ? question : 0);
	hand_on(worker, turn, &batch);
	sf_relay_publish(turns->relay, worker->options.number, clock);
	if (batch.received)
		sf_capture_release(worker->capture, worker->options.queue);
	return true;
}

/* Others have to do something first: mostly soon. */
static void rest(struct sf_worker *worker)
{
	unsigned idle = worker->work->idle++, pauses = idle - YIELDS;

	if (idle >= YIELDS / 2)
		sf_door_try(worker);
	if (idle < YIELDS)
		sched_yield();
	else
		sf_pause_us(PAUSE_US << (pauses < PAUSE_DOUBLED ? pauses : PAUSE_DOUBLED));
}

enum sf_worker_state sf_turns_step(struct sf_worker *worker)
{
	struct sf_turns *turns = worker->options.turns;
	unsigned me = worker->options.number;
	bool may_enter = (!turns->sole || me == 0) && sf_relay_behind(turns->relay, me) < BEHIND;

	if (may_enter && sf_relay_enter(turns->relay, me)) {
		if (!take_turn(worker))
			return SF_WORKER_QUIET;
	} else if (!account_some(worker)) {
		if (sf_relay_drained(turns->relay, me))
			return (enum sf_worker_state)atomic_load(&turns->state);
		rest(worker);
		return SF_WORKER_QUIET;
	}
	worker->work->idle = 0;
	return SF_WORKER_RUNNING;
}
