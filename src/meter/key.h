/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow key of a packet just parsed: which parts it has, the tunnel in it,
 * and flows that name each other.
 */
#ifndef SPANFLOW_METER_KEY_H
#define SPANFLOW_METER_KEY_H

#include <spanflow/meter.h>

#include "base/facts.h"

/* A flow is one TCP connection, and ends with it, only if the key has all of these parts. */
#define SF_KEY_CONNECTION (SF_KEY_ADDRESS | SF_KEY_PORT | SF_KEY_PROTOCOL)

/*
 * Reduces the key to the parts that the user has chosen (SF_KEY_…),
 * and adds TOS and interface to it.
 */
void sf_key_choose(struct sf_facts *facts, uint32_t key);

/*
 * Makes the tunnel a part of the key: a hash of the tunnel and of the VLAN tags takes the place of
 * the tags; the record finds the tags beside the tunnel. The hash is the same in every process, as
 * flowIds are, and for both directions. Two flows that differ in the tunnel only are taken for one
 * with a probability of 2^-32.
 */
void sf_key_put_tunnel(struct sf_facts *facts);

/* Two packets with complete keys, the outer and the inner one: each names the flow of the other. */
void sf_key_name_pair(struct sf_facts *inner, struct sf_facts *outer);

#endif
