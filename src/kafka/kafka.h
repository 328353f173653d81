/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A producer for one topic of Kafka. struct sf_kafka_ops hides librdkafka, which a module links;
 * the module is loaded for the first destination kafka://… (base/module.h). Example:
 *
 *	ops = sf_kafka_load(&error);
 *	err = ops->open(&kafka, &options, &error);	checks the options, leaves no thread
 *	err = ops->start(kafka);			librdkafka's threads begin, with the
 *							privileges of the caller
 *	err = ops->put(kafka, &message);
 *	ops->poll(kafka);				calls options.told for each message
 *							whose fate is known
 *	ops->close(kafka);
 *
 * All calls belong to one thread. Only open() and close() wait.
 */
#ifndef SPANFLOW_KAFKA_KAFKA_H
#define SPANFLOW_KAFKA_KAFKA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <spanflow/error.h>

#define SF_KAFKA_KEY 16

/* A message. It and its value stay where they are until its fate is told. */
struct sf_kafka_message {
	uint8_t *value; /* is only read */
	uint32_t length;
	uint32_t partition; /* a number that chooses the partition */
	char key[SF_KAFKA_KEY];
	/*
	 * It is sent in no batch with others: a broker refuses batches as a
	 * whole, whichever message is wrong.
	 */
	bool alone;
};

enum sf_kafka_fate {
	SF_KAFKA_DELIVERED, /* acknowledged by the broker */
	SF_KAFKA_NOT,       /* it was not delivered, and may be put again */
	SF_KAFKA_PERHAPS,   /* the same, but the broker may have it */
	/* the broker will never take the message, or the batch that it was sent in */
	SF_KAFKA_TOO_LARGE,
	SF_KAFKA_REFUSED, /* the broker will never take it, because of its content */
};

struct sf_kafka_options {
	const char *brokers; /* "host:port,host:port" */
	const char *topic;
	/*
	 * "NAME=VALUE" properties of librdkafka, one behind the other, each ends
	 * with a zero; an empty one ends
	 */
	const char *properties;
	const char *file; /* the same, a line for each, # begins a comment; NULL: none */
	void (*told)(void *context, struct sf_kafka_message *message, enum sf_kafka_fate fate);
	void *context;
};

struct sf_kafka {
	bool away;         /* no broker can be reached */
	int error;         /* the last failure, negative; 0: none yet */
	char trouble[160]; /* the failure in words; "" since a message was delivered */
	char failure[160]; /* of the last message that was neither delivered nor refused */
	char refusal[100]; /* what it says of the last message that is SF_KAFKA_REFUSED */
};

struct sf_kafka_ops {
	/* The options are copied. 0, or an error that names the property. */
	int (*open)(struct sf_kafka **kafka, const struct sf_kafka_options *options,
		struct sf_error *error);
	/* A path that librdkafka reads when it starts, number `index`; NULL: past the end. */
	const char *(*reads)(const struct sf_kafka *kafka, unsigned index);
	/* Starts librdkafka's threads. 0 or an error, see `trouble`. */
	int (*start)(struct sf_kafka *kafka);
	/*
	 * 0: told() reports the message. -EAGAIN: there is no room now. -EMSGSIZE: it is larger
	 * than the properties allow. Other errors: see `trouble`.
	 */
	int (*put)(struct sf_kafka *kafka, struct sf_kafka_message *message);
	/* Calls told() for what is known. */
	void (*poll)(struct sf_kafka *kafka);
	/*
	 * Gives up messages that wait in librdkafka's queue; `all`: also those on their way. poll()
	 * tells their fate.
	 */
	void (*purge)(struct sf_kafka *kafka, bool all);
	/* Ends the producer. The fate of messages that are under way is not told any more. */
	void (*close)(struct sf_kafka *kafka);
};

/* NULL: this build has no Kafka, or the module does not load; the error says which. */
const struct sf_kafka_ops *sf_kafka_load(struct sf_error *error);

#endif
