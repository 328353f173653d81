/* SPDX-License-Identifier: BSD-2-Clause */
/* The destination kafka://…: kafka.c; packs.c keeps its messages. */
#ifndef SPANFLOW_EXPORT_KAFKA_H
#define SPANFLOW_EXPORT_KAFKA_H

#include "export/destination.h"
#include "export/url.h"

/* `disk` of its spool, taken over, also on failure; NULL: none. 0 or an error with its text. */
int sf_kafka_new(struct sf_destination **destination, const struct sf_shared *shared,
	const struct sf_url *url, struct sf_disk *disk, const struct sf_spool_options *spool,
	struct sf_error *error);

/* A file that is read while the run goes on, number `index`; NULL: past the end. */
const char *sf_kafka_reads(const struct sf_destination *destination, unsigned index);

#endif
