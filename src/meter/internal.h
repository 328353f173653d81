/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside the meter: new.c makes it, meter.c parses packets, offer.c
 * gives their facts to the table.
 */
#ifndef SPANFLOW_METER_INTERNAL_H
#define SPANFLOW_METER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "meter/dedup.h"
#include "meter/fragment.h"
#include "meter/meter_facts.h"
#include "parse/run.h"
#include "parse/tunnel.h"
#include "table/table.h"

struct sf_apps;
struct sf_own;

struct sf_meter {
	struct sf_table *table;
	uint32_t key;
	bool per_packet;
	bool demanding; /* no fast path: another key, packets to leave out, or more UDP tunnels */
	bool around;    /* the outer packet of a tunnel matters: a pair, or a fragment */
	/* some fact that is gathered on request is not in the head of struct sf_facts */
	bool tails;
	bool heads;       /* … but only of packets whose payload is read: sf_apps_wants() */
	unsigned details; /* SF_DETAILS_…: groups of struct sf_details that facts on request need */
	sf_parse_run *run;
	struct sf_tunnels tunnels;
	struct sf_apps *apps;     /* NULL: no fact of payload is wanted */
	bool trailer;             /* trailers of taps are wanted */
	struct sf_parsed parsed;  /* without the counters of `dedup` */
	const struct sf_own *own; /* NULL: no export session of this process is to be left out */
	enum sf_dedup_mode dedup_mode;
	struct sf_dedup dedup;
	bool joins;         /* later fragments join the flow of their first one */
	bool has_fragments; /* the part that is being parsed has fragments */
	struct sf_fragments fragments;
	/* copy of facts that are given to the table one by one, or in parts */
	struct sf_facts *staged;
	uint8_t *staged_annexes; /* of `staged` */
	unsigned given;          /* facts in the table's room that `fragments` has given back */
};

/* Prepares for packets that do not go straight to the table. */
int sf_meter_open_stage(struct sf_meter *meter, struct sf_error *error);

/* Gives the first `count` <= SF_METER_ROOM facts in the table's room to the table. */
void sf_meter_offer_room(struct sf_meter *meter, unsigned count, bool fragments);

/* Meters fragments that have waited too long for their first one: their flow has no ports. */
void sf_meter_give_up_fragments(struct sf_meter *meter, int64_t now);

#endif
