/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The producer with librdkafka. Messages are not copied: their memory is the caller's until their
 * fate is told. They wait in librdkafka's queue without a time limit; the caller bounds them, and
 * gives them up by purge().
 *
 * Messages that are sent alone have a producer of librdkafka of their own, which makes no batches.
 * A producer of librdkafka that has failed for good (a fatal error of the idempotent producer) is
 * replaced by a new one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "base/module.h"
#include "kafka/kafka.h"

extern const struct sf_kafka_ops sf_kafka_rdkafka;

#define FILES    6
#define RENEW_NS SF_NS_PER_S /* between two producers of librdkafka, at least */

/* A producer of librdkafka. */
struct line {
	rd_kafka_t *rk; /* NULL: not started */
	rd_kafka_topic_t *topic;
	bool failed;       /* for good, or it did not start: it is replaced */
	int64_t failed_ns; /* monotonic */
};

enum { TOGETHER, ALONE, LINES };

struct producer {
	struct sf_kafka kafka;
	void (*told)(void *context, struct sf_kafka_message *message, enum sf_kafka_fate fate);
	void *context;
	char *topic_name;
	char *files[FILES]; /* that librdkafka reads */
	rd_kafka_conf_t *conf;
	struct line lines[LINES];
};

/* ---------------------------------------------------------------- what librdkafka calls */

static void note(struct producer *producer, int error, const char *text)
{
	producer->kafka.error = error;
	snprintf(producer->kafka.trouble, sizeof(producer->kafka.trouble), "%.150s", text);
}

static struct line *line_of(struct producer *producer, const rd_kafka_t *rk)
{
	return &producer->lines[producer->lines[ALONE].rk == rk ? ALONE : TOGETHER];
}

static void fail(struct producer *producer, rd_kafka_t *rk)
{
	struct line *line = line_of(producer, rk);
	char reason[120], text[160];

	rd_kafka_fatal_error(rk, reason, sizeof(reason));
	snprintf(text, sizeof(text), "a new producer begins, as the last one failed: %.110s",
		reason);
	note(producer, -EIO, text);
	strcpy(producer->kafka.failure, text);
	line->failed = producer->kafka.away = true;
	line->failed_ns = sf_clock_read(CLOCK_MONOTONIC);
	rd_kafka_purge(rk,
		RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

/* Called by poll(). */
static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct producer *producer = opaque;
	char text[160];

	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		fail(producer, rk);
		return;
	}
	snprintf(text, sizeof(text), "%.159s", reason);
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
		/* one that has nothing to send may lose its connections */
		if (rk == producer->lines[ALONE].rk && rd_kafka_outq_len(rk) == 0)
			return;
		/* the error before this one says why */
		if (!producer->kafka.trouble[0])
			note(producer, -ECONNREFUSED, text);
		producer->kafka.away = true;
		return;
	}
	note(producer,
		code == RD_KAFKA_RESP_ERR__SSL || code == RD_KAFKA_RESP_ERR__AUTHENTICATION
			? -EPROTO
			: -EIO,
		text);
}

/* The library that is linked into programs never prints. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk, (void)level, (void)facility, (void)text;
}

static enum sf_kafka_fate fate_of(const rd_kafka_message_t *report)
{
	switch (report->err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return SF_KAFKA_DELIVERED;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		return SF_KAFKA_TOO_LARGE;
	case RD_KAFKA_RESP_ERR_INVALID_MSG:
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
	case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
		return SF_KAFKA_REFUSED;
	default:
		return rd_kafka_message_status(report) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED
			       ? SF_KAFKA_NOT
			       : SF_KAFKA_PERHAPS;
	}
}

/* Called by poll(). */
static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *report, void *opaque)
{
	struct producer *producer = opaque;
	enum sf_kafka_fate fate = fate_of(report);

	if (fate == SF_KAFKA_DELIVERED) {
		producer->kafka.away = false;
		producer->kafka.trouble[0] = '\0';
	} else if (fate == SF_KAFKA_REFUSED) {
		snprintf(producer->kafka.refusal, sizeof(producer->kafka.refusal), "%.99s",
			rd_kafka_err2str(report->err));
	} else if (report->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
		   report->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT &&
		   !line_of(producer, rk)->failed) {
		note(producer, -EIO, rd_kafka_err2str(report->err));
		strcpy(producer->kafka.failure, producer->kafka.trouble);
	}
	producer->told(producer->context, report->_private, fate);
}

/* Any thread. */
static int32_t choose_partition(const rd_kafka_topic_t *topic, const void *key, size_t key_length,
	int32_t count, void *opaque, void *message)
{
	(void)topic, (void)key, (void)key_length, (void)opaque;
	return (int32_t)(((const struct sf_kafka_message *)message)->partition % (uint32_t)count);
}

/* ---------------------------------------------------------------- options */

/* Files that librdkafka reads when it starts. */
static bool is_file(const char *name)
{
	static const char *const names[] = { "ssl.ca.location", "ssl.certificate.location",
		"ssl.key.location", "ssl.keystore.location", "ssl.crl.location" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static int set(
	struct producer *producer, const char *name, const char *value, struct sf_error *error)
{
	char text[200];

	if (rd_kafka_conf_set(producer->conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
		return sf_error_set(error, SF_EUSAGE, "Kafka: property %.60s: %.150s", name, text);
	for (unsigned i = 0; is_file(name) && i < FILES; i++)
		if (!producer->files[i]) {
			producer->files[i] = strdup(value);
			break;
		}
	return 0;
}

/* "NAME=VALUE"; `where` names it in messages. */
static int set_pair(
	struct producer *producer, const char *pair, const char *where, struct sf_error *error)
{
	const char *value = strchr(pair, '=');
	char name[80];

	if (!value || value == pair || (size_t)(value - pair) >= sizeof(name))
		return sf_error_set(error, SF_EUSAGE,
			"Kafka: %.100s: '%.60s' is no property (NAME=VALUE)", where, pair);
	snprintf(name, sizeof(name), "%.*s", (int)(value - pair), pair);
	return set(producer, name, value + 1, error);
}

static char *trim(char *line)
{
	char *end = line + strlen(line);

	while (end > line && strchr(" \t\r\n", end[-1]))
		*--end = '\0';
	return line + strspn(line, " \t");
}

static int read_file(struct producer *producer, const char *path, struct sf_error *error)
{
	FILE *file = fopen(path, "re");
	char line[2000], *text;
	int code = 0;

	if (!file)
		return sf_error_set(error, -errno, "Kafka: %s: %s", path, sf_strerror(-errno));
	while (code == 0 && fgets(line, sizeof(line), file)) {
		/* no part of the line is told: it may be a password */
		if (!strchr(line, '\n') && !feof(file)) {
			code = sf_error_set(error, SF_EUSAGE,
				"Kafka: %s: a line is too long, or has a zero byte: %zu bytes at "
				"most",
				path, sizeof(line) - 2);
			break;
		}
		text = trim(line);
		if (*text && *text != '#')
			code = set_pair(producer, text, path, error);
	}
	fclose(file);
	return code;
}

static int set_all(
	struct producer *producer, const struct sf_kafka_options *options, struct sf_error *error)
{
	static const char *const defaults[][2] = {
		{ "client.id", "spanflow" },
		{ "enable.idempotence", "true" },
		/* the caller decides how long a message waits */
		{ "message.timeout.ms", "0" },
		{ "queue.buffering.max.messages", "2000000" },
		{ "queue.buffering.max.kbytes", "1048576" },
		{ "compression.codec", "lz4" },
		/* connections that nothing uses are closed by brokers: no news */
		{ "log.connection.close", "false" },
	};
	int code = 0;

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]) && code == 0; i++)
		code = set(producer, defaults[i][0], defaults[i][1], error);
	if (code == 0)
		code = set(producer, "bootstrap.servers", options->brokers, error);
	if (code == 0 && options->file)
		code = read_file(producer, options->file, error);
	for (const char *pair = options->properties; code == 0 && *pair; pair += strlen(pair) + 1)
		code = set_pair(producer, pair, "rdkafka", error);
	return code;
}

static void set_calls(struct producer *producer)
{
	rd_kafka_conf_set_opaque(producer->conf, producer);
	rd_kafka_conf_set_error_cb(producer->conf, on_error);
	rd_kafka_conf_set_dr_msg_cb(producer->conf, on_report);
	rd_kafka_topic_conf_set_partitioner_cb(
		rd_kafka_conf_get_default_topic_conf(producer->conf), choose_partition);
}

/* ---------------------------------------------------------------- producers of librdkafka */

static void end_line(struct line *line)
{
	if (line->topic)
		rd_kafka_topic_destroy(line->topic);
	if (line->rk) {
		rd_kafka_purge(line->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
						 RD_KAFKA_PURGE_F_NON_BLOCKING);
		rd_kafka_destroy(line->rk);
	}
	*line = (struct line){ 0 };
}

static int start_line(struct producer *producer, struct line *line)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_dup(producer->conf);
	char text[200];

	if (line == &producer->lines[ALONE])
		rd_kafka_conf_set(conf, "batch.num.messages", "1", text, sizeof(text));
	line->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
	if (!line->rk)
		rd_kafka_conf_destroy(conf);
	else
		line->topic = rd_kafka_topic_new(line->rk, producer->topic_name, NULL);
	if (line->topic)
		return 0;
	if (line->rk)
		snprintf(text, sizeof(text), "topic %.100s: %.80s", producer->topic_name,
			rd_kafka_err2str(rd_kafka_last_error()));
	end_line(line);
	line->failed = producer->kafka.away = true;
	line->failed_ns = sf_clock_read(CLOCK_MONOTONIC);
	note(producer, -EIO, text);
	return -EIO;
}

/* Replaces a failed producer of librdkafka once the fate of each of its messages is told. */
static void replace_failed(struct producer *producer, struct line *line)
{
	if ((line->rk && rd_kafka_outq_len(line->rk)) ||
		sf_clock_read(CLOCK_MONOTONIC) - line->failed_ns < RENEW_NS)
		return;
	end_line(line);
	start_line(producer, line);
}

/* ---------------------------------------------------------------- struct sf_kafka_ops */

static void producer_close(struct sf_kafka *kafka)
{
	struct producer *producer = (struct producer *)kafka;

	for (unsigned i = 0; i < LINES; i++)
		end_line(&producer->lines[i]);
	if (producer->conf)
		rd_kafka_conf_destroy(producer->conf);
	for (unsigned i = 0; i < FILES; i++)
		free(producer->files[i]);
	free(producer->topic_name);
	free(producer);
}

/*
 * Makes a producer and ends it: this finds what is wrong with properties that depend on each other,
 * such as certificates, and lets OpenSSL read its own files, before a live run gives up its rights.
 */
static int try_out(struct producer *producer, struct sf_error *error)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_dup(producer->conf);
	char text[200];
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));

	if (!rk) {
		rd_kafka_conf_destroy(conf);
		return sf_error_set(error, SF_EUSAGE, "Kafka: %.180s", text);
	}
	rd_kafka_destroy(rk);
	return 0;
}

static int producer_open(
	struct sf_kafka **kafka, const struct sf_kafka_options *options, struct sf_error *error)
{
	struct producer *producer = calloc(1, sizeof(*producer));
	int code;

	if (!producer)
		return sf_error_set(error, -ENOMEM, "no memory for Kafka");
	producer->told = options->told;
	producer->context = options->context;
	producer->topic_name = strdup(options->topic);
	producer->conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(producer->conf, on_log);
	code = producer->topic_name ? set_all(producer, options, error)
				    : sf_error_set(error, -ENOMEM, "no memory for Kafka");
	if (code == 0)
		code = try_out(producer, error);
	if (code < 0) {
		producer_close(&producer->kafka);
		return code;
	}
	set_calls(producer);
	*kafka = &producer->kafka;
	return 0;
}

static const char *producer_reads(const struct sf_kafka *kafka, unsigned index)
{
	return index < FILES ? ((const struct producer *)kafka)->files[index] : NULL;
}

static int producer_start(struct sf_kafka *kafka)
{
	struct producer *producer = (struct producer *)kafka;
	struct line *line = &producer->lines[TOGETHER];

	if (line->failed && !line->rk)
		replace_failed(producer, line);
	else if (!line->rk)
		start_line(producer, line);
	return line->rk ? 0 : -EIO;
}

static int producer_put(struct sf_kafka *kafka, struct sf_kafka_message *message)
{
	struct producer *producer = (struct producer *)kafka;
	struct line *line = &producer->lines[message->alone ? ALONE : TOGETHER];
	rd_kafka_resp_err_t code;

	if (line->failed || (!line->rk && start_line(producer, line) < 0))
		return -EAGAIN;
	if (rd_kafka_produce(line->topic, RD_KAFKA_PARTITION_UA, 0, message->value, message->length,
		    message->key, SF_KAFKA_KEY, message) == 0)
		return 0;
	code = rd_kafka_last_error();
	/* the latter: poll() will tell of it */
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL || code == RD_KAFKA_RESP_ERR__FATAL)
		return -EAGAIN;
	note(producer, -EIO, rd_kafka_err2str(code));
	return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ? -EMSGSIZE : -EIO;
}

static void producer_poll(struct sf_kafka *kafka)
{
	struct producer *producer = (struct producer *)kafka;

	for (unsigned i = 0; i < LINES; i++) {
		struct line *line = &producer->lines[i];

		if (line->rk)
			rd_kafka_poll(line->rk, 0);
		if (line->failed)
			replace_failed(producer, line);
	}
}

static void producer_purge(struct sf_kafka *kafka, bool all)
{
	struct producer *producer = (struct producer *)kafka;

	for (unsigned i = 0; i < LINES; i++)
		if (producer->lines[i].rk)
			rd_kafka_purge(producer->lines[i].rk,
				RD_KAFKA_PURGE_F_QUEUE | (all ? RD_KAFKA_PURGE_F_INFLIGHT : 0));
}

SF_MODULE_OBJECT const struct sf_kafka_ops sf_kafka_rdkafka = {
	.open = producer_open,
	.reads = producer_reads,
	.start = producer_start,
	.put = producer_put,
	.poll = producer_poll,
	.purge = producer_purge,
	.close = producer_close,
};
