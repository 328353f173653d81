/* SPDX-License-Identifier: BSD-2-Clause */
/* kafka://BROKER:PORT/TOPIC,option=value…: what url.c does not know of other destinations. */
#include <arpa/inet.h>
#include <string.h>

#include "base/scaled.h"
#include "export/url.h"

#define PROPERTY    "rdkafka." /* begins a property of librdkafka among the options */
#define RECORDS_MAX 10000

static bool choose(const char *value, const char *yes, const char *no, bool *chosen)
{
	*chosen = strcmp(value, yes) == 0;
	return *chosen || strcmp(value, no) == 0;
}

static bool read_sampler(struct sf_url_kafka *kafka, const char *value)
{
	if (inet_pton(AF_INET, value, kafka->sampler) == 1)
		kafka->sampler_length = 4;
	else if (inet_pton(AF_INET6, value, kafka->sampler) == 1)
		kafka->sampler_length = 16;
	return kafka->sampler_length != 0;
}

bool sf_url_kafka_option(struct sf_url_kafka *kafka, const char *option, const char *value)
{
	if (strcmp(option, "format") == 0)
		return choose(value, "json", "flowmessage", &kafka->json);
	if (strcmp(option, "partition") == 0)
		return choose(value, "exporter", "flow", &kafka->by_exporter);
	if (strcmp(option, "records") == 0)
		return sf_scaled_parse(value, sf_units_count, &kafka->records) &&
		       kafka->records >= 1 && kafka->records <= RECORDS_MAX;
	if (strcmp(option, "sampler") == 0)
		return read_sampler(kafka, value);
	kafka->file = value;
	return *value != '\0';
}

bool sf_url_kafka_property(struct sf_url_kafka *kafka, const char *item)
{
	size_t length = strlen(item);

	/* one more zero ends the list */
	if (strncmp(item, PROPERTY, strlen(PROPERTY)) != 0 ||
		kafka->properties_length + length + 2 > sizeof(kafka->properties))
		return false;
	item += strlen(PROPERTY);
	strcpy(kafka->properties + kafka->properties_length, item);
	kafka->properties_length += strlen(item) + 1;
	return true;
}

const char *sf_url_kafka_target(
	struct sf_url *url, const char *text, const char *rest, struct sf_error *error)
{
	size_t hosts = strcspn(rest, "/,?"), topic;
	const char *list;
	char *p = url->target;

	topic = rest[hosts] == '/' ? strcspn(rest + hosts + 1, "/,?") : 0;
	if (hosts == 0 || topic == 0 || hosts + topic + 8 >= sizeof(url->target)) {
		sf_error_set(error, SF_EUSAGE,
			"%s: no topic (allowed: kafka://BROKER:PORT/TOPIC, several brokers with + "
			"between them)",
			text);
		return NULL;
	}
	for (size_t i = 0; i < hosts; i++)
		*p++ = rest[i];
	*p++ = '\0';
	for (char *plus = url->target; *plus; plus++)
		*plus = *plus == '+' ? ',' : *plus;
	memcpy(p, rest + hosts + 1, topic);
	p[topic] = '\0';
	url->kafka.topic = p;
	url->kafka.json = true;
	url->kafka.records = 1;
	list = rest + hosts + 1 + topic;
	if (*list != '/')
		return list;
	sf_error_set(error, SF_EUSAGE, "%s: '%s' follows the topic", text, list);
	return NULL;
}
