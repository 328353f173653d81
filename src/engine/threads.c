/* SPDX-License-Identifier: BSD-2-Clause */
/* The workers' threads: start, orders, end. Called by the main thread. */
#include <signal.h>

#include "engine/engine.h"

bool sf_engine_workers_done(const struct sf_engine *engine)
{
	for (unsigned i = 0; i < engine->worker_count; i++)
		/* pairs with the release at the end of worker_main() */
		if (!atomic_load_explicit(&engine->workers[i].done, memory_order_acquire))
			return false;
	return true;
}

void sf_engine_wake_workers(struct sf_engine *engine)
{
	for (unsigned i = 0; i < engine->worker_count; i++)
		sf_wakeup_send_now(&engine->workers[i].wakeup);
}

void sf_engine_interrupt_workers(struct sf_engine *engine)
{
	int number = engine->options.wake_signal;

	for (unsigned i = 0; number && i < engine->worker_count; i++)
		if (engine->workers[i].has_thread)
			pthread_kill(engine->workers[i].thread, number);
}

void sf_engine_lock_exporter(struct sf_engine *engine)
{
	struct sf_handover *handover = engine->handovers[0];

	if (!handover || !handover->ops->lock)
		return;
	while (!handover->ops->lock(handover))
		if (engine->hurry.level(engine->hurry.context))
			sf_engine_interrupt_workers(engine);
}

void sf_engine_unlock_exporter(struct sf_engine *engine)
{
	struct sf_handover *handover = engine->handovers[0];

	if (handover && handover->ops->unlock)
		handover->ops->unlock(handover);
}

void sf_engine_stop_workers(struct sf_engine *engine)
{
	atomic_store_explicit(&engine->control,
		engine->request << SF_CONTROL_REQUEST | SF_CONTROL_STOP, memory_order_release);
	sf_engine_wake_workers(engine);
}

/* The thread of a worker could not be started: no other thread waits for the worker. */
static void give_up(struct sf_worker *worker)
{
	worker->options.kind->absent(worker);
	atomic_store(&worker->done, true);
}

/* Workers handle no signal but the one that interrupts them. */
static void block_signals(const struct sf_engine *engine, sigset_t *before)
{
	sigset_t set;

	sigfillset(&set);
	if (engine->options.wake_signal)
		sigdelset(&set, engine->options.wake_signal);
	pthread_sigmask(SIG_SETMASK, &set, before);
}

int sf_engine_start_workers(struct sf_engine *engine, struct sf_error *error)
{
	sigset_t before;
	int err = 0;

	pthread_mutex_lock(&engine->start_barrier);
	block_signals(engine, &before);
	for (unsigned i = 0; i < engine->worker_count; i++) {
		if (!err)
			err = sf_worker_start(&engine->workers[i], error);
		if (err)
			give_up(&engine->workers[i]);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err) {
		engine->ended = "error";
		atomic_store(&engine->control, SF_CONTROL_STOP);
	}
	pthread_mutex_unlock(&engine->start_barrier);
	return err;
}

void sf_engine_join_workers(struct sf_engine *engine)
{
	for (unsigned i = 0; i < engine->worker_count; i++) {
		if (engine->workers[i].has_thread)
			pthread_join(engine->workers[i].thread, NULL);
		engine->workers[i].has_thread = false;
	}
}
