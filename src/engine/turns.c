/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers that read capture files in turns (struct sf_handover_ops sf_turns; relay.h). Parsing
 * computes and accounting waits for memory, so parsing and accounting alternate in small batches.
 * Some accounting is kept for when another worker reads; a worker that is far behind does not read.
 *
 * Counters: a worker may have parsed turns that other workers have not accounted yet. So a request
 * for counters is put into a turn, and each worker answers when it has accounted that turn, with
 * its parser's counters at that turn; it keeps these for each of its turns in flight. The sums are
 * the counters of a single worker that stopped there.
 *
 * Records: each worker collects its records and puts them into the exporter under a lock. At the
 * end of the packets, the leftover flows of all tables are emitted in parts by all workers.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/annex.h"
#include "engine/turns.h"
#include "meter/meter_facts.h"

#define BEHIND        3u   /* a worker with this many unaccounted turns must not read another */
#define YIELDS        200u /* sched_yield() calls (80 µs, two turns) before sleeping */
#define PAUSE_US      50L
#define PAUSE_DOUBLED 8u /* how often the pause is doubled: up to 12.8 ms, for slow pipes */

#define RECORDS       2048u /* records that a worker keeps at most: they fit into the caches */
#define RECORDS_BUNCH 512u  /* with this many records a worker tries the lock */
#define LOCK_TRIES    1000u /* attempts to take the lock before sleeping, 0.6 µs each */
#define PAUSE_MAX_US  1000L
#define LEFTOVER_PART 4096u /* ids that a worker takes at a time */

/* Counters of receiving and parsing. */
struct counted {
	uint64_t frames, unread;
	struct sf_parsed parsed;
};

/* What a worker of this kind has of its own. */
struct work {
	struct sf_turns *turns;
	struct sf_flow *records; /* that wait for the lock; their annexes lie behind them */
	unsigned record_count;
	struct counted counted[SF_RELAY_SLOTS]; /* after each of the worker's turns in flight */
	struct counted accounted;               /* after its last turn that it has accounted */
	unsigned idle;                          /* steps in a row without work */
	const struct sf_relay_turn *turn;       /* the turn that is accounted now; NULL: none */
	unsigned piece;                         /* of this turn */
	struct sf_relay_list list;              /* the rest of this piece */
	struct sf_packet packets[SF_RELAY_TURN];
	int64_t clocks[SF_RELAY_TURN];
};

static struct work *work_of(const struct sf_worker *worker)
{
	return worker->own;
}

/* ---------------------------------------------------------------- records */

/*
 * Takes the lock. Another worker mostly holds it for less time than waking up takes, so it is tried
 * for a while first. If the lock is still not free, a slow collector delays its holder.
 */
static void lock_exporter(struct sf_turns *turns)
{
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (pthread_mutex_trylock(&turns->lock) == 0)
			return;
		sched_yield();
	}
	pthread_mutex_lock(&turns->lock);
}

/*
 * Gives the worker's records to the exporter. `now`: waits for the lock; else only if it is free.
 */
static void pass_records(struct sf_worker *worker, bool now)
{
	const struct sf_flow_sink *sink = &worker->options.meter.sink;
	struct work *work = work_of(worker);
	struct sf_turns *turns = work->turns;

	while (atomic_load_explicit(&turns->main_waits, memory_order_relaxed)) {
		if (!now)
			return;
		sf_pause_us(50);
	}
	if (now)
		lock_exporter(turns);
	else if (pthread_mutex_trylock(&turns->lock))
		return;
	sink->put(sink->context, work->records, work->record_count);
	pthread_mutex_unlock(&turns->lock);
	work->record_count = 0;
}

/* Passes records on, if the lock is free. */
static void try_to_pass(struct sf_worker *worker)
{
	if (work_of(worker)->record_count)
		pass_records(worker, false);
}

/* Appends records to those that wait. Annexes, if there are any, lie behind all of them. */
static void copy_records(struct work *work, const struct sf_flow *flows, unsigned count)
{
	uint8_t *annexes = (uint8_t *)(work->records + RECORDS);
	const unsigned bytes = count ? sf_annex_size(flows) : 0;

	memcpy(work->records + work->record_count, flows, count * sizeof(*flows));
	for (unsigned i = 0; bytes && i < count; i++) {
		const unsigned at = work->record_count + i;
		struct sf_annex *annex = (struct sf_annex *)(void *)(annexes + at * (size_t)bytes);

		sf_annex_copy(annex, flows[i].annex);
		work->records[at].annex = annex;
	}
}

/* sf_flow_sink of a worker. */
static unsigned put_records(void *context, const struct sf_flow *flows, unsigned count)
{
	struct sf_worker *worker = context;
	struct work *work = work_of(worker);

	if (work->record_count + count > RECORDS)
		pass_records(worker, true);
	copy_records(work, flows, count);
	work->record_count += count;
	if (work->record_count >= RECORDS_BUNCH)
		pass_records(worker, false);
	return count;
}

/* ---------------------------------------------------------------- turns */

/* There are no more turns, for this reason or one that was named before. */
static void end_turns(struct sf_turns *turns, enum sf_worker_state state)
{
	unsigned going = SF_WORKER_RUNNING;

	if (atomic_compare_exchange_strong(&turns->state, &going, state))
		sf_relay_close(turns->relay);
}

/* The worker has accounted its packets of a turn. */
static void end_account(struct sf_worker *worker)
{
	struct work *work = work_of(worker);
	const struct sf_relay_turn *turn = work->turn;

	work->turn = NULL;
	sf_worker_tell_clock(worker, worker->timing.clock.now);
	if (turn->writer == worker->options.number)
		work->accounted = work->counted[turn->slot];
	if (turn->note)
		sf_worker_answer(worker, turn->note);
	sf_relay_done(work_of(worker)->turns->relay, worker->options.number);
}

/* Accounts up to SF_METER_PART packets. False: no turn can be read now. */
static bool account_some(struct sf_worker *worker)
{
	struct sf_relay *relay = work_of(worker)->turns->relay;
	struct work *work = work_of(worker);
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
		while (sf_meter_age(worker->meter, worker->timing.clock.now))
			;
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
	struct sf_relay *relay = work_of(worker)->turns->relay;
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
	work_of(worker)->counted[turn->slot] = (struct counted){
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
		       : sf_relay_most(work_of(worker)->turns->relay);
}

/* The source is quiet: accounts all turns, and passes records on if the lock is free. */
static void catch_up(struct sf_worker *worker)
{
	while (account_some(worker))
		;
	try_to_pass(worker);
}

/* The worker has the right to read. False: no packet came. */
static bool take_turn(struct sf_worker *worker)
{
	struct sf_turns *turns = work_of(worker)->turns;
	struct sf_received batch = { work_of(worker)->packets, work_of(worker)->clocks };
	enum sf_worker_state state =
		sf_worker_receive(worker, &turns->timing, &batch, turn_size(worker));
	uint32_t request = sf_worker_request(worker);
	bool asked = request != turns->requested;
	const struct sf_relay_turn *turn;
	int64_t clock;

	if (state > SF_WORKER_QUIET)
		end_turns(turns, state);
	if (!batch.received && !asked) {
		sf_relay_pass(turns->relay);
		catch_up(worker);
		return false;
	}
	turns->requested = request;
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
	unsigned idle = work_of(worker)->idle++, pauses = idle - YIELDS;

	if (idle >= YIELDS / 2)
		try_to_pass(worker);
	if (idle < YIELDS)
		sched_yield();
	else
		sf_pause_us(PAUSE_US << (pauses < PAUSE_DOUBLED ? pauses : PAUSE_DOUBLED));
}

static enum sf_worker_state turn_step(struct sf_worker *worker)
{
	struct sf_turns *turns = work_of(worker)->turns;
	unsigned me = worker->options.number;
	bool may_enter =
		(!turns->sole_reader || me == 0) && sf_relay_behind(turns->relay, me) < BEHIND;

	if (may_enter && sf_relay_enter(turns->relay, me)) {
		if (!take_turn(worker))
			return SF_WORKER_QUIET;
	} else if (!account_some(worker)) {
		if (sf_relay_drained(turns->relay, me))
			return (enum sf_worker_state)atomic_load(&turns->state);
		rest(worker);
		return SF_WORKER_QUIET;
	}
	work_of(worker)->idle = 0;
	return SF_WORKER_RUNNING;
}

/* ---------------------------------------------------------------- leftover flows */

/* Emits parts of leftover flows until all parts are taken. */
static void take_leftover(struct sf_worker *worker, struct sf_leftover *leftover)
{
	uint64_t from;

	while ((from = atomic_fetch_add(&leftover->taken, LEFTOVER_PART)) < leftover->ids) {
		uint32_t left = leftover->ids - (uint32_t)from;
		uint32_t n = left < LEFTOVER_PART ? left : LEFTOVER_PART;

		sf_meter_finish_part(worker->meter, leftover->meter, (uint32_t)from,
			(uint32_t)from + n, leftover->end);
		/* pairs with the acquire in finish_all(): this part is not read any more */
		atomic_fetch_add_explicit(&leftover->emitted, n, memory_order_release);
	}
}

/* Emits parts of all tables that are open now. True: no further table will be opened. */
static bool take_all_leftovers(struct sf_worker *worker)
{
	struct sf_turns *turns = work_of(worker)->turns;
	bool all = true;

	for (unsigned i = 0; i < turns->workers; i++) {
		unsigned of = (worker->options.number + i) % turns->workers;
		struct sf_leftover *leftover = &turns->leftovers[of];

		/*
		 * pairs with the release in finish_all(); a worker whose thread did not start is
		 * done, and never open
		 */
		if (atomic_load_explicit(&leftover->open, memory_order_acquire)) {
			/* answer first: the other worker's answer still counts these flows */
			sf_worker_answer(worker, sf_worker_request(worker));
			take_leftover(worker, leftover);
		} else if (!atomic_load_explicit(
				   &turns->workers_of_run[of].done, memory_order_acquire)) {
			all = false;
		}
	}
	return all;
}

/* The flows of all tables leave, by all workers together. */
static void finish_all(struct sf_worker *worker, int64_t end_ns)
{
	struct sf_leftover *leftover = &work_of(worker)->turns->leftovers[worker->options.number];

	sf_worker_answer(worker, sf_worker_request(worker));
	leftover->meter = worker->meter;
	leftover->end = end_ns;
	leftover->ids = sf_meter_ids_used(worker->meter);
	/* pairs with the acquire in take_all_leftovers(): the table is complete */
	atomic_store_explicit(&leftover->open, true, memory_order_release);
	for (long us = 50; !take_all_leftovers(worker); us = us < PAUSE_MAX_US ? us * 2 : us) {
		try_to_pass(worker);
		sf_pause_us(us);
	}
	sf_folding_leave(&worker->folding);
	if (work_of(worker)->record_count)
		pass_records(worker, true);
	while (atomic_load_explicit(&leftover->emitted, memory_order_acquire) < leftover->ids)
		sf_pause_us(50);
	sf_meter_forget(worker->meter);
}

/* ---------------------------------------------------------------- the kind */

static int turn_join(
	struct sf_worker *worker, struct sf_meter_options *meter, struct sf_error *error)
{
	struct sf_annex_layout layout;
	struct work *work = calloc(1, sizeof(*work));

	sf_annex_layout_init(&layout, meter->facts);
	worker->own = work;
	if (work)
		work->records = calloc(RECORDS, sizeof(*work->records) + layout.record_bytes);
	if (!work || !work->records)
		return sf_error_set(error, -ENOMEM, "out of memory for packets and records");
	work->turns = (struct sf_turns *)worker->options.handover;
	work->accounted.parsed.unsupported_link = UINT32_MAX;
	meter->sink = (struct sf_flow_sink){ put_records, worker };
	return 0;
}

static void turn_leave(struct sf_worker *worker)
{
	if (work_of(worker))
		free(work_of(worker)->records);
	free(worker->own);
	worker->own = NULL;
}

static void turn_stop(struct sf_worker *worker)
{
	end_turns(work_of(worker)->turns, SF_WORKER_STOPPED);
}

static void turn_finish(struct sf_worker *worker)
{
	int64_t end;

	worker->timing = work_of(worker)->turns->timing;
	end = sf_worker_end_clock(worker);
	sf_worker_tell_clock(worker, end);
	finish_all(worker, end);
}

/* While it runs: the counters of receiving and parsing as of what was accounted. */
static void turn_count(const struct sf_worker *worker, struct sf_engine_counters *counters)
{
	const struct counted *counted = &work_of(worker)->accounted;

	if (sf_worker_ended(worker))
		return;
	counters->frames = counted->frames;
	counters->unread = counted->unread;
	sf_parsed_enter(&counted->parsed, &counters->ledger);
}

static void turn_absent(struct sf_worker *worker)
{
	(void)worker;
}

static const struct sf_worker_kind turn = {
	.join = turn_join,
	.leave = turn_leave,
	.step = turn_step,
	.stop = turn_stop,
	.finish = turn_finish,
	.count = turn_count,
	.absent = turn_absent,
	.answers_itself = true,
};

/* ---------------------------------------------------------------- what the workers share */

static int turns_new(struct sf_handover **handover, const struct sf_handover_options *options)
{
	struct sf_turns *turns = aligned_alloc(SF_CACHE_LINE, sizeof(*turns));
	uint64_t secret[2];
	int err;

	if (!turns)
		return -ENOMEM;
	memset(turns, 0, sizeof(*turns));
	memcpy(secret, options->steer_key, sizeof(secret));
	err = sf_relay_new(&turns->relay, options->workers, secret, options->facts);
	if (err) {
		free(turns);
		return err;
	}
	turns->handover.ops = &sf_turns;
	turns->sole_reader = options->sole_reader;
	turns->workers = options->workers;
	turns->workers_of_run = options->workers_of_run;
	sf_timing_init(&turns->timing, options->clock_limit_ns);
	atomic_init(&turns->state, SF_WORKER_RUNNING);
	pthread_mutex_init(&turns->lock, NULL);
	*handover = &turns->handover;
	return 0;
}

static void turns_free(struct sf_handover *handover)
{
	struct sf_turns *turns = (struct sf_turns *)handover;

	sf_relay_free(turns->relay);
	pthread_mutex_destroy(&turns->lock);
	free(turns);
}

static const struct sf_worker_kind *turns_kind(const struct sf_handover *handover, bool has_queue)
{
	(void)handover;
	return has_queue ? &turn : NULL;
}

static bool turns_lock(struct sf_handover *handover)
{
	struct sf_turns *turns = (struct sf_turns *)handover;
	struct timespec until;
	bool locked;

	atomic_store_explicit(&turns->main_waits, true, memory_order_relaxed);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	locked = pthread_mutex_timedlock(&turns->lock, &until) == 0;
	if (locked)
		atomic_store_explicit(&turns->main_waits, false, memory_order_relaxed);
	return locked;
}

static void turns_unlock(struct sf_handover *handover)
{
	pthread_mutex_unlock(&((struct sf_turns *)handover)->lock);
}

const struct sf_handover_ops sf_turns = {
	.new = turns_new,
	.free = turns_free,
	.kind = turns_kind,
	.lock = turns_lock,
	.unlock = turns_unlock,
};
