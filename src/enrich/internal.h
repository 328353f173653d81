/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of struct sf_enrich: enrich.c (sources, reading again), lookup.c
 * (records), ways.c (interfaces).
 */
#ifndef SPANFLOW_ENRICH_INTERNAL_H
#define SPANFLOW_ENRICH_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "enrich/enrich.h"
#include "enrich/fib.h"
#include "enrich/learn.h"
#include "enrich/map.h"
#include "enrich/routes.h"

#define SF_ENRICH_BATCH    64
#define SF_ENRICH_TEXT_MAX 600
#define SF_ENRICH_PORTS    256

struct sf_enrich_source {
	char *path; /* "" for the kernel's routes */
	uint32_t what;
	bool is_map;
	bool asked; /* to be read again */
};

/* Of all sources; does not change, but for the ports of the map (ways.c). */
struct sf_enrich_tables {
	struct sf_routes *routes[SF_ENRICH_SOURCES_MAX + 2]; /* NULL for the map's source */
	struct sf_map *map;                                  /* NULL: there is none */
};

/* Interfaces and directions. Only the thread that gives records to the exporter uses it. */
struct sf_enrich_ways {
	enum sf_enrich_egress egress;
	struct sf_lpm *local;   /* own network; NULL: private and unique-local addresses */
	struct sf_learn *learn; /* with SF_ENRICH_EGRESS_LEARN */
	unsigned (*port)(void *of, unsigned slot, uint32_t *number, const char **name);
	void *port_of;
	unsigned port_count;
	struct sf_interface_info ports[SF_ENRICH_PORTS]; /* that records named */
};

struct sf_enrich {
	struct sf_enricher enricher;
	/* one more for the map, and one for the kernel's routes if only --egress wants them */
	struct sf_enrich_source sources[SF_ENRICH_SOURCES_MAX + 2];
	unsigned count;
	struct sf_fib fib;
	struct sf_enrich_ways ways;
	_Atomic(struct sf_enrich_tables *) tables;
	atomic_uint batches; /* odd: a batch is worked on */
	atomic_bool stop;    /* the thread is to stop reading */

	pthread_mutex_t lock; /* protects what follows, and `tables` against being freed */
	bool loading;         /* the thread runs */
	bool joinable;        /* it was started and has not been joined */
	pthread_t thread;
	char texts[SF_ENRICH_SOURCES_MAX][SF_ENRICH_TEXT_MAX]; /* what a person should know */
	unsigned text_count;
};

/* lookup.c: sf_enricher.begin and .end */
void sf_enrich_begin(
	void *context, const struct sf_flow *flows, unsigned count, struct sf_extra *extra);
void sf_enrich_end(void *context);

/* ways.c */

/* "10.0.0.0/8,2001:db8::/32". 0 or SF_EUSAGE. */
int sf_ways_local(struct sf_enrich_ways *ways, const char *text, struct sf_error *error);

/* Fills extra[].way; sides are filled already. */
void sf_ways_fill(struct sf_enrich_ways *ways, struct sf_map *map, const struct sf_flow *flows,
	unsigned count, struct sf_extra *extra);

void sf_ways_fini(struct sf_enrich_ways *ways);

/* Which facts on request the conditions of the map and --egress need in records. */
uint64_t sf_ways_wants(const struct sf_enrich_ways *ways, const struct sf_map *map);

#endif
