/* SPDX-License-Identifier: BSD-2-Clause */
/* How a sum is made of the values of several workers or sources (base/counters.def). */
#ifndef SPANFLOW_BASE_MERGE_H
#define SPANFLOW_BASE_MERGE_H

#define SF_MERGE_SUM(sum, value) ((sum) += (value))
#define SF_MERGE_MAX(sum, value) ((sum) = (value) > (sum) ? (value) : (sum))

#endif
