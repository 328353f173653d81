/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Readers of payload: what the first messages of a conversation say, such as the name that a DNS
 * query asks for. The content decides which protocol it is; port numbers are a hint only. A meter
 * that gathers such facts calls sf_apps_look() for each packet, after the packet was parsed and
 * before its facts are packed:
 *
 *	struct sf_apps *apps;
 *
 *	sf_apps_new(&apps, facts);		NULL: no fact of `facts` needs a reader
 *	sf_apps_limit(apps, max_flows, idle);	only the first packets of each direction are read
 *	if (sf_apps_wants(apps, &facts))	the tail of the facts is needed
 *	sf_apps_look(apps, packet, &facts);	facts.app, SF_TCP_FLAGS_APP
 *
 * One object for each meter; one thread. Fragments of IP datagrams are not read.
 */
#ifndef SPANFLOW_APPS_APPS_H
#define SPANFLOW_APPS_APPS_H

#include <spanflow/error.h>
#include <spanflow/meter.h>
#include <spanflow/packet.h>

#include "base/facts.h"
#include "classify/flows.h"

struct sf_apps;

/*
 * True if payload is read for one of these facts: then one worker has to see all packets of a
 * direction, in their order, because messages come in pieces and the first packets alone are read.
 */
bool sf_apps_need_all(uint64_t facts);

/* True if a reader for these facts cannot run here; the error says why. The others do. */
bool sf_apps_lack(uint64_t facts, struct sf_error *error);

/* Returns 0 or -ENOMEM. *apps is NULL if no fact of the set needs a reader. */
int sf_apps_new(struct sf_apps **apps, uint64_t facts);

/*
 * Flows are named by a classifier, for the fact `application`. `idle_ns`:
 * the idle timeout. 0 or -ENOMEM.
 */
int sf_apps_classify(struct sf_apps *apps, const struct sf_classifier *classifier, int64_t idle_ns);

void sf_apps_free(struct sf_apps *apps);

/*
 * From now on only the first packets of each direction are read: until the message that is looked
 * for was read, or the budget of apps/budget.h is spent. Returns 0 or a negative errno value.
 */
int sf_apps_limit(struct sf_apps *apps, uint32_t max_flows, int64_t idle_ns);

/* False: sf_apps_look() would do nothing for this packet. The head of the facts suffices. */
bool sf_apps_wants(struct sf_apps *apps, const struct sf_facts *facts);

/* Reads the payload of a packet that was parsed, with the tail of its facts. */
void sf_apps_look(struct sf_apps *apps, const struct sf_packet *packet, struct sf_facts *facts);

/* Hellos that were looked at; zeros: none are looked for. */
struct sf_hellos sf_apps_hellos(const struct sf_apps *apps);

/* What the classifier did; zeros: there is none. */
struct sf_classes_counters sf_apps_classes(const struct sf_apps *apps);

#endif
