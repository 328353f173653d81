/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/module.h"
#include "kafka/kafka.h"
#include "spanflow_config.h"

const struct sf_kafka_ops *sf_kafka_load(struct sf_error *error)
{
#ifdef HAVE_KAFKA
	return sf_module_load("kafka", "sf_kafka_rdkafka", error);
#else
	sf_error_set(error, SF_EUNSUPPORTED,
		"Kafka: built without librdkafka (install librdkafka-dev, then build anew after "
		"meson setup --wipe)");
	return NULL;
#endif
}
