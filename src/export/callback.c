/* SPDX-License-Identifier: BSD-2-Clause */
/* A destination that is a function of the program. */
#include <stdlib.h>

#include "export/destination.h"

struct callback {
	struct sf_destination destination;
	struct sf_flow_sink sink;
};

static void count(struct sf_destination_count *sum, const struct sf_flow *flows, unsigned number)
{
	for (unsigned i = 0; i < number; i++) {
		sum->records++;
		sum->packets += sf_flow_packets(&flows[i]);
		sum->octets += sf_flow_octets(&flows[i]);
	}
}

static void put(struct sf_destination *destination, const struct sf_flow *flows, unsigned number)
{
	struct callback *callback = (struct callback *)destination;
	struct sf_destination_stats *stats = &destination->stats;
	unsigned taken = callback->sink.put(callback->sink.context, flows, number);

	count(&stats->offered, flows, number);
	count(&stats->sent, flows, taken);
	count(&stats->lost_queue, flows + taken, number - taken);
	if (taken < number && !stats->failure[0])
		snprintf(stats->failure, sizeof(stats->failure),
			"the callback of the program did not take all records");
}

static void tick(struct sf_destination *destination)
{
	(void)destination;
}

static int64_t ready(struct sf_destination *destination, int64_t mono)
{
	(void)destination;
	return mono;
}

static bool flush(struct sf_destination *destination)
{
	(void)destination;
	return false;
}

static void destroy(struct sf_destination *destination)
{
	free(destination);
}

int sf_callback_new(struct sf_destination **destination, const struct sf_shared *shared,
	const struct sf_flow_sink *sink, uint64_t wants)
{
	static const struct sf_destination_ops ops = {
		.put = put,
		.tick = tick,
		.ready = ready,
		.flush = flush,
		.finish = tick,
		.free = destroy,
	};
	struct callback *callback = calloc(1, sizeof(*callback));

	if (!callback)
		return -ENOMEM;
	callback->sink = *sink;
	callback->destination = (struct sf_destination){
		.ops = &ops,
		.shared = shared,
		.stats.kind = "callback",
		.wants = wants,
		.biflow = true,
	};
	*destination = &callback->destination;
	return 0;
}
