/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A broker of Kafka for tests: librdkafka's mock cluster. Lines on standard input give it orders,
 * and it answers each with a line.
 *
 *	ready 127.0.0.1:PORT	printed first
 *	down, up		the broker cannot be reached, and can again
 *	fail CODE COUNT		so many requests with messages fail with this error of Kafka
 *	read TOPIC COUNT FILE	writes COUNT messages into a file, a line "PARTITION KEY VALUE" for
 *				each, the value in hexadecimal digits; answers how many came within
 *				a few seconds
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#define PRODUCE    0 /* ApiKey of Kafka's protocol */
#define PARTITIONS 4

static rd_kafka_t *client_new(rd_kafka_type_t type, const char *const *properties)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char text[200];
	rd_kafka_t *client;

	for (; *properties; properties += 2)
		if (rd_kafka_conf_set(conf, properties[0], properties[1], text, sizeof(text))) {
			fprintf(stderr, "%s\n", text);
			exit(1);
		}
	client = rd_kafka_new(type, conf, text, sizeof(text));
	if (!client) {
		fprintf(stderr, "%s\n", text);
		exit(1);
	}
	return client;
}

static void print_message(FILE *file, const rd_kafka_message_t *message)
{
	fprintf(file, "%d %.*s ", message->partition, (int)message->key_len,
		(const char *)message->key);
	for (size_t i = 0; i < message->len; i++)
		fprintf(file, "%02x", ((const unsigned char *)message->payload)[i]);
	fputc('\n', file);
}

/* Reads all partitions from their begin. */
static unsigned read_messages(
	const char *brokers, const char *topic, unsigned count, const char *path)
{
	const char *const properties[] = { "bootstrap.servers", brokers, "group.id", "test",
		"enable.auto.commit", "false", NULL };
	rd_kafka_t *client = client_new(RD_KAFKA_CONSUMER, properties);
	rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(PARTITIONS);
	FILE *file = fopen(path, "w");
	unsigned got = 0, silent = 0;

	for (int i = 0; i < PARTITIONS; i++)
		rd_kafka_topic_partition_list_add(all, topic, i)->offset = 0;
	rd_kafka_assign(client, all);
	/* what comes beyond `count` is read, too */
	while (file && silent < (got < count ? 40 : 3)) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 100);

		silent = message && !message->err ? 0 : silent + 1;
		if (message && !message->err) {
			got++;
			print_message(file, message);
		}
		if (message)
			rd_kafka_message_destroy(message);
	}
	if (file)
		fclose(file);
	rd_kafka_topic_partition_list_destroy(all);
	rd_kafka_consumer_close(client);
	rd_kafka_destroy(client);
	return got;
}

static void fail(rd_kafka_mock_cluster_t *cluster, int code, unsigned count)
{
	while (count--)
		rd_kafka_mock_push_request_errors(cluster, PRODUCE, 1, code);
}

int main(void)
{
	const char *const none[] = { NULL };
	rd_kafka_t *client = client_new(RD_KAFKA_PRODUCER, none);
	rd_kafka_mock_cluster_t *cluster = rd_kafka_mock_cluster_new(client, 1);
	const char *brokers = rd_kafka_mock_cluster_bootstraps(cluster);
	char line[600], topic[100], path[400];
	unsigned count;
	int code;

	rd_kafka_mock_topic_create(cluster, "flows", PARTITIONS, 1);
	printf("ready %s\n", brokers);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		unsigned answer = 0;

		if (strcmp(line, "down\n") == 0)
			rd_kafka_mock_broker_set_down(cluster, 1);
		else if (strcmp(line, "up\n") == 0)
			rd_kafka_mock_broker_set_up(cluster, 1);
		else if (sscanf(line, "fail %d %u", &code, &count) == 2)
			fail(cluster, code, count);
		else if (sscanf(line, "read %99s %u %399s", topic, &count, path) == 3)
			answer = read_messages(brokers, topic, count, path);
		printf("done %u\n", answer);
		fflush(stdout);
	}
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(client);
	return 0;
}
