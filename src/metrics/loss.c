/* SPDX-License-Identifier: BSD-2-Clause */
#include <inttypes.h>
#include <string.h>

#include "metrics/loss.h"
#include "metrics/sums.h"

#define INTERVAL_NS (60 * SF_NS_PER_S)

void sf_loss_get(const struct sf_engine *engine, struct sf_loss *loss)
{
	struct sf_engine_counters counters;
	struct sf_capture_stats capture;

	sf_engine_counters(engine, &counters);
	sf_sources_sum(engine, &capture);
	*loss = (struct sf_loss){
		.seen = capture.frames + capture.dropped_kernel + capture.dropped_nic,
		.kernel = capture.dropped_kernel,
		.card = capture.dropped_nic,
		.hand_over = counters.ledger.ignored[SF_IGNORED_handOver],
		.ring = counters.ledger.lost_records,
		.delivery = sf_destinations_lost(sf_engine_exporter(engine)),
	};
}

bool sf_loss_any(const struct sf_loss *loss)
{
	return loss->kernel || loss->card || loss->hand_over || loss->ring || loss->delivery;
}

/* The difference, at least 0: counters of a driver are not read at the same moment. */
static uint64_t growth(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static struct sf_loss since(const struct sf_loss *now, const struct sf_loss *before)
{
	return (struct sf_loss){
		.seen = growth(now->seen, before->seen),
		.kernel = growth(now->kernel, before->kernel),
		.card = growth(now->card, before->card),
		.hand_over = growth(now->hand_over, before->hand_over),
		.ring = growth(now->ring, before->ring),
		.delivery = growth(now->delivery, before->delivery),
	};
}

void sf_loss_dropped(const struct sf_loss *loss, FILE *stream)
{
	uint64_t dropped = loss->kernel + loss->card;

	fprintf(stream, "%" PRIu64 " of %" PRIu64 " packets", dropped, loss->seen);
	if (!dropped)
		return;
	fprintf(stream, " (%.1f %%) before spanflow saw them: ",
		100.0 * (double)dropped / (double)(loss->seen ? loss->seen : dropped));
	if (loss->kernel)
		fprintf(stream,
			"%" PRIu64 " by the kernel (raise --ring-size or use more --workers)%s",
			loss->kernel, loss->card ? ", " : "");
	if (loss->card)
		fprintf(stream,
			"%" PRIu64 " by the network card (raise its ring with ethtool -G, or use "
			"more --workers)",
			loss->card);
}

void sf_loss_text(const struct sf_loss *loss, char *text, size_t size)
{
	FILE *stream = fmemopen(text, size, "w");
	const char *between = "";

	text[0] = '\0';
	if (!stream)
		return;
	if (loss->kernel || loss->card) {
		fputs("dropped ", stream);
		sf_loss_dropped(loss, stream);
		between = "; ";
	}
	if (loss->hand_over) {
		fprintf(stream,
			"%slost %" PRIu64 " packets between workers (use more --workers, or "
			"--workers-independent)",
			between, loss->hand_over);
		between = "; ";
	}
	if (loss->ring) {
		fprintf(stream,
			"%slost %" PRIu64 " records before the destinations (one of them is too "
			"slow)",
			between, loss->ring);
		between = "; ";
	}
	if (loss->delivery)
		fprintf(stream, "%slost %" PRIu64 " record%s at destinations", between,
			loss->delivery, loss->delivery == 1 ? "" : "s");
	fclose(stream);
}

bool sf_loss_news(struct sf_loss_watch *watch, const struct sf_engine *engine, int64_t mono,
	char *text, size_t size)
{
	struct sf_loss now, news;
	int used;

	sf_loss_get(engine, &now);
	news = since(&now, &watch->told);
	if (!sf_loss_any(&news)) {
		watch->told = now;
		watch->since_ns = mono;
		return false;
	}
	if (mono < watch->next_ns)
		return false;
	used = snprintf(text, size, "in the last %" PRId64 " s: ",
		(mono - watch->since_ns + SF_NS_PER_S - 1) / SF_NS_PER_S);
	sf_loss_text(&news, text + used, size - (size_t)used);
	watch->told = now;
	watch->since_ns = mono;
	watch->next_ns = mono + INTERVAL_NS;
	return true;
}
