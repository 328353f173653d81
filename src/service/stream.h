/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SPANFLOW_SERVICE_STREAM_H
#define SPANFLOW_SERVICE_STREAM_H

#include <stdio.h>

/*
 * A stream to standard output for records; NULL: no memory. Unlike stdout it goes on writing after
 * a signal, so that a signal that ends the run loses no records of a slow reader. fclose() leaves
 * the descriptor open.
 */
FILE *sf_output_stream(void);

#endif
