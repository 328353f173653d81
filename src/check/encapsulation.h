/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Recognises packets that carry other packets: frames from a remote mirror, and tunnels. `spanflow
 * check` names them, because their flows show the outer addresses only. A port alone is not enough:
 * the header behind it must look like one of the protocol.
 */
#ifndef SPANFLOW_CHECK_ENCAPSULATION_H
#define SPANFLOW_CHECK_ENCAPSULATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/facts.h"

/* X(name, text, mirror). mirror: switches or clouds send mirrored frames in this encapsulation. */
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

/* The name for people. */
const char *sf_encapsulation_name(enum sf_encapsulation kind);

/* True if remote mirrors use this encapsulation. */
bool sf_encapsulation_mirrors(enum sf_encapsulation kind);

/*
 * The encapsulation of a packet; SF_ENCAPSULATION_COUNT: none that is known. `payload`: the `left`
 * captured bytes behind the IP header and its options. Not for later fragments.
 */
enum sf_encapsulation sf_encapsulation_of(
	const struct sf_facts *facts, const uint8_t *payload, size_t left);

#endif
