/* SPDX-License-Identifier: BSD-2-Clause */
/* All of libspanflow. */
#ifndef SPANFLOW_H
#define SPANFLOW_H

#include <spanflow/capture.h>
#include <spanflow/collect.h>
#include <spanflow/engine.h>
#include <spanflow/enrich.h>
#include <spanflow/error.h>
#include <spanflow/export.h>
#include <spanflow/field.h>
#include <spanflow/flow.h>
#include <spanflow/meter.h>
#include <spanflow/packet.h>
#include <spanflow/plan.h>
#include <spanflow/sampling.h>
#include <spanflow/tunnel.h>

#endif
