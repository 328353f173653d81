/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loop of workers that read files in turns (engine/relay.h). Parsing computes and accounting
 * waits for memory, so parsing and accounting alternate in small batches. Some accounting is kept
 * for when another worker reads; a worker that is far behind does not read.
 *
 * Counters: a worker may have parsed turns that other workers have not accounted yet. So a question
 * for the counters is put into a turn, and each worker answers when it has accounted that turn,
 * with its parser's counters at that turn; it keeps these for each of its turns in flight. The sums
 * are the counters of a single worker that stopped there.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "engine/worker.h"
#include "meter/meter_facts.h"

#define BEHIND        3u   /* a worker with this many unaccounted turns must not read another */
#define YIELDS        200u /* sched_yield() calls (80 µs, two turns) before sleeping */
#define PAUSE_US      50L
#define PAUSE_DOUBLED 8u /* how often the pause is doubled: up to 12.8 ms, for slow pipes */

/* Counters of receiving and parsing. */
struct counted {
	uint64_t frames, unread;
	struct sf_parsed parsed;
};

struct sf_turn_work {
	struct counted counted[SF_RELAY_SLOTS]; /* after each of the worker's turns in flight */
	struct counted accounted;               /* after its last turn that it has accounted */
	unsigned idle;                          /* steps in a row without work */
	const struct sf_relay_turn *turn;       /* the turn that is accounted now; NULL: none */
	unsigned piece;                         /* of this turn */
	struct sf_relay_list list;              /* the rest of this piece */
	struct sf_packet packets[SF_RELAY_TURN];
	int64_t clocks[SF_RELAY_TURN];
};

int sf_turns_init(struct sf_turns *turns, unsigned workers, const uint64_t secret[2],
	uint64_t facts, int64_t limit_ns)
{
	sf_timing_init(&turns->timing, limit_ns);
	atomic_init(&turns->state, SF_WORKER_RUNNING);
	return sf_relay_new(&turns->relay, workers, secret, facts);
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

void sf_turns_counters(const struct sf_worker *worker, struct sf_engine_counters *counters)
{
	const struct counted *counted = &worker->work->accounted;

	counters->frames = counted->frames;
	counters->unread = counted->unread;
	sf_parsed_enter(&counted->parsed, &counters->ledger);
}

/* The worker has accounted its packets of a turn. */
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

/* Accounts up to SF_METER_PART packets. False: no turn can be read now. */
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

/* Parses the packets of a turn, and hands each one to the worker that owns its flow. */
static void hand_on(
	struct sf_worker *worker, const struct sf_relay_turn *turn, const struct sf_received *batch)
{
	struct sf_relay *relay = worker->options.turns->relay;
	unsigned me = worker->options.number;
	struct sf_facts_buffer buffer;
	const struct sf_facts_array facts = sf_facts_array(&buffer);

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
 * Packets to read in a turn. With a limit, turns are as short as the batches of a single worker,
 * because packets behind the limit are read too.
 */
static unsigned turn_size(const struct sf_worker *worker)
{
	const struct sf_worker_options *options = &worker->options;

	return options->budget || options->packet_duration_ns
		       ? SF_BATCH_MAX
		       : sf_relay_most(options->turns->relay);
}

/* The source is quiet: accounts all turns, and passes records on if the lock is free. */
static void catch_up(struct sf_worker *worker)
{
	while (account_some(worker))
		;
	sf_door_try(worker);
}

/* The worker has the right to read. False: no packet came. */
static bool take_turn(struct sf_worker *worker)
{
	struct sf_turns *turns = worker->options.turns;
	struct sf_received batch = { worker->work->packets, worker->work->clocks };
	enum sf_worker_state state =
		sf_worker_receive(worker, &turns->timing, &batch, turn_size(worker));
	uint32_t request = sf_worker_request(worker);
	bool asked = request != turns->asked;
	const struct sf_relay_turn *turn;
	int64_t clock;

	if (state > SF_WORKER_QUIET)
		sf_turns_end(turns, state);
	if (!batch.received && !asked) {
		sf_relay_pass(turns->relay);
		catch_up(worker);
		return false;
	}
	turns->asked = request;
	clock = turns->timing.clock.now;
	turn = sf_relay_leave(turns->relay, worker->options.number, asked ? request : 0);
	hand_on(worker, turn, &batch);
	sf_relay_publish(turns->relay, worker->options.number, clock);
	if (batch.received)
		sf_capture_release(worker->capture, worker->options.queue);
	return true;
}

/* Waits for other workers, which is short as a rule. */
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
