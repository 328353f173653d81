/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A producer for one topic of Kafka. librdkafka lies behind struct sf_kafka_ops, in a module that is loaded
 * when a destination is kafka://… for the first time (base/module.h). Example:
 *
 *	ops = sf_kafka_load(&error);
 *	err = ops->open(&kafka, &options, &error);	checks the options, starts nothing that stays
 *	err = ops->start(kafka);			librdkafka's threads, which inherit what the caller may do
 *	err = ops->put(kafka, message);			a message, laid out as sf_kafka_message_…() say
 *	ops->poll(kafka);				calls options.told for each message whose fate is known
 *	ops->close(kafka);
 *
 * All calls belong to one thread, and none waits but open() and close().
 */
#ifndef SPANFLOW_KAFKA_KAFKA_H
#define SPANFLOW_KAFKA_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

#include "base/wire.h"

/*
 * A message as it lies in memory: length of the value, number that chooses the partition, key, value. It stays
 * where it is until its fate is told.
 */
#define SF_KAFKA_KEY    16
#define SF_KAFKA_HEADER (4 + 4 + SF_KAFKA_KEY)

static inline uint32_t sf_kafka_message_length(const uint8_t *message)
{
	return sf_load_be32(message);
}

static inline uint32_t sf_kafka_message_partition(const uint8_t *message)
{
	return sf_load_be32(message + 4);
}

static inline uint8_t *sf_kafka_message_key(uint8_t *message)
{
	return message + 8;
}

static inline uint8_t *sf_kafka_message_value(uint8_t *message)
{
	return message + SF_KAFKA_HEADER;
}

enum sf_kafka_fate {
	SF_KAFKA_DELIVERED, /* acknowledged by the broker */
	SF_KAFKA_NOT,       /* it was not delivered, and may be put again */
	SF_KAFKA_PERHAPS,   /* the same, but the broker may have it */
	SF_KAFKA_REFUSED,   /* the broker will never take it, such as one that is too large */
};

struct sf_kafka_options {
	const char *brokers; /* "host:port,host:port" */
	const char *topic;
	/* "NAME=VALUE" properties of librdkafka, one behind the other, each ends with a zero; an empty one ends */
	const char *properties;
	const char *file; /* the same, a line for each, # begins a comment; NULL: none */
	void (*told)(void *context, uint8_t *message, enum sf_kafka_fate fate);
	void *context;
};

struct sf_kafka {
	bool away;         /* no broker can be reached */
	int error;         /* the last failure, negative; 0: none yet */
	char trouble[160]; /* and what librdkafka says of it */
};

struct sf_kafka_ops {
	/* The options are copied. 0, or an error that names the property. */
	int (*open)(struct sf_kafka **kafka, const struct sf_kafka_options *options,
		struct sf_error *error);
	/* A path that librdkafka reads when it starts, number `index`; NULL: past the end. */
	const char *(*reads)(const struct sf_kafka *kafka, unsigned index);
	/* Starts librdkafka's threads. 0 or an error, see `trouble`. */
	int (*start)(struct sf_kafka *kafka);
	/* 0: told() reports the message. -EAGAIN: librdkafka's queue is full. Other errors: see `trouble`. */
	int (*put)(struct sf_kafka *kafka, uint8_t *message);
	/* Calls told() for what is known. */
	void (*poll)(struct sf_kafka *kafka);
	/* Gives messages up that wait in librdkafka's queue; `all`: those on their way, too. poll() tells. */
	void (*purge)(struct sf_kafka *kafka, bool all);
	/* Messages whose fate is not known are not told any more. */
	void (*close)(struct sf_kafka *kafka);
};

/* NULL: this build has no Kafka, or the module does not load; the error says which. */
const struct sf_kafka_ops *sf_kafka_load(struct sf_error *error);

#endif
