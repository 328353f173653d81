/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which packets carry others: frames that a remote mirror sends, and tunnels. `spanflow check` names
 * them, because their flows show the outer addresses only. Ports are a hint; the header behind them
 * must look like the protocol's.
 */
#ifndef SPANFLOW_CHECK_ENCAPSULATION_H
#define SPANFLOW_CHECK_ENCAPSULATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/facts.h"

/* X(name, text, mirror): mirror is true for what switches and clouds send mirrored frames in. */
#define SF_ENCAPSULATIONS(X)                                                                       \
	X(ERSPAN, "ERSPAN", true)                                                                  \
	X(TZSP, "TZSP", true)                                                                      \
	X(HP_ERM, "HPE ERM", true)                                                                 \
	X(ARUBA_ERM, "Aruba ERM", true)                                                            \
	X(VXLAN, "VXLAN", true)                                                                    \
	X(GENEVE, "GENEVE", true)                                                                  \
	X(NVGRE, "NVGRE", false)                                                                   \
	X(GRE, "GRE", false)                                                                       \
	X(GTP_U, "GTP-U", false)                                                                   \
	X(MPLS_UDP, "MPLS over UDP", false)                                                        \
	X(L2TP, "L2TP", false)                                                                     \
	X(IP_IN_IP, "IP in IP", false)                                                             \
	X(ETHER_IP, "EtherIP", false)

enum sf_encapsulation {
#define X(name, text, mirror) SF_ENCAPSULATION_##name,
	SF_ENCAPSULATIONS(X)
#undef X
		SF_ENCAPSULATION_COUNT
};

/* As a person calls it. */
const char *sf_encapsulation_name(enum sf_encapsulation kind);

/* Do remote mirrors use it? */
bool sf_encapsulation_mirrors(enum sf_encapsulation kind);

/*
 * What this packet carries; SF_ENCAPSULATION_COUNT: nothing known. `payload`: `left` captured bytes
 * behind the IP header that the parser found and behind its options; not of a later fragment.
 */
enum sf_encapsulation sf_encapsulation_of(
	const struct sf_facts *facts, const uint8_t *payload, size_t left);

#endif
