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
 * Opens /dev/null for each standard stream that the caller has closed. Otherwise the next file or
 * socket would get its descriptor, and printed text would go there. Standard input is opened for
 * writing and the others for reading, so that using a closed stream is still an error.
 */
bool sf_hold_standard_streams(void);

#endif
