/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of Ethernet types that are not IP, for people. */
#ifndef SPANFLOW_BASE_ETHERTYPE_H
#define SPANFLOW_BASE_ETHERTYPE_H

#include <stdint.h>

/* Value in place of a type: the frame has an 802.2 header and no type. */
#define SF_ETHERTYPE_LLC 1

/* The name of a type, such as "ARP"; "" if it is not known here. Static storage. */
const char *sf_ethertype_name(uint16_t type);

#endif
