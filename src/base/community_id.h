/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Community ID, version 1 with seed 0: a name for a conversation that tools agree on, so that
 * records of one are found by those of another (github.com/corelight/community-id-spec). Example:
 *
 *	128.232.110.120:34855 → 66.35.250.204:80, TCP    1:LQU9qZlK+B5F3KDmev6m5PMibrg=
 */
#ifndef SPANFLOW_BASE_COMMUNITY_ID_H
#define SPANFLOW_BASE_COMMUNITY_ID_H

#include <spanflow/flow.h>

#define SF_COMMUNITY_ID_LENGTH 30 /* "1:" and 20 bytes in Base64 */

/* Writes the length and the characters: 1 + SF_COMMUNITY_ID_LENGTH bytes. */
void sf_community_id(const struct sf_flow *flow, uint8_t *value);

#endif
