/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The application of a flow as a classifier names it (src/classify): a fact of the packet with
 * which the classifier knew, or knew better.
 */
#ifndef SPANFLOW_BASE_APPLICATION_H
#define SPANFLOW_BASE_APPLICATION_H

#include <stdint.h>
#include <string.h>

#include "base/app.h"

/* Bytes of applicationId (RFC 6759 §4): classification engine, selector of two bytes. */
#define SF_APPLICATION_ID 3

/* Longest name and description. */
#define SF_APPLICATION_NAME        32
#define SF_APPLICATION_DESCRIPTION 64

struct sf_application {
	/* 1 of the flow's first answer, 2 of the next one, ...; 0: there is no answer */
	uint8_t rank;
	uint8_t id[SF_APPLICATION_ID]; /* as on the wire */
};

/* What an application is called; texts with their length in front. */
struct sf_application_row {
	uint8_t id[SF_APPLICATION_ID];
	uint8_t name[1 + SF_APPLICATION_NAME];
	uint8_t description[1 + SF_APPLICATION_DESCRIPTION];
};

/* The applications that a classifier knows. */
struct sf_application_table {
	const struct sf_application_row *rows; /* in the order of their ids */
	unsigned count;
	/* what it calls the applications that readers of src/apps know; NULL: nothing */
	const struct sf_application_row *kinds[SF_APP_KINDS];
};

/* NULL: it is not in the table. */
static inline const struct sf_application_row *sf_application_find(
	const struct sf_application_table *table, const uint8_t *id)
{
	unsigned low = 0, high = table->count;

	while (low < high) {
		unsigned middle = (low + high) / 2;
		int order = memcmp(table->rows[middle].id, id, SF_APPLICATION_ID);

		if (order == 0)
			return &table->rows[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

#endif
