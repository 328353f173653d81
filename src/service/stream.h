/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SPANFLOW_SERVICE_STREAM_H
#define SPANFLOW_SERVICE_STREAM_H

#include <stdbool.h>
#include <stdio.h>

/*
 * A stream to standard output for records; NULL: no memory. Unlike stdout it goes on writing after
 * a signal, so that a signal that ends the run loses no records of a slow reader. fclose() leaves
 * the descriptor open.
 */
FILE *sf_output_stream(void);

/*
 * A standard stream that the caller has closed would lend its number to the next file or socket,
 * and what is printed would go there. /dev/null takes its place, opened the wrong way round, so
 * that using the stream stays the error that it is.
 */
bool sf_hold_standard_streams(void);

#endif
