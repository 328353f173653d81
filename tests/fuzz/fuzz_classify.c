/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nDPI and what is between it and packets: a conversation of several packets. Each is a byte (bit 0
 * TCP, bit 1 from the other end, bit 2 IPv6, bits 3 and 4 the server's port), two bytes of length,
 * and so many bytes from behind the ports on. Without the module nothing is done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wire.h"
#include "classify/flows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define same(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "fuzz_classify: not so: %s\n", #condition);                \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define IDLE_NS INT64_C(15000000000)

static struct sf_classes *classes;
static int64_t now_ns;

static void open_classes(void)
{
	const struct sf_classifier *classifier;
	struct sf_error error;

	classifier = sf_classifier_load(&error);
	if (classifier)
		sf_classes_new(&classes, classifier, IDLE_NS);
}

static void look(uint8_t how, const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = { 53, 80, 443, 40001 };
	const bool tcp = how & 1, back = how & 2;
	const size_t header = tcp ? 20 : 8, length = size < header ? header : size;
	const uint16_t port = ports[how >> 3 & 3];
	struct sf_facts facts = { .version = how & 4 ? 6 : 4,
		.protocol = tcp ? 6 : 17,
		.address = 0x0a000001ull << 32 | 0x0a000002,
		.ports = (uint32_t)port << 16 | 50000,
		.flags = back ? 0 : SF_FACT_SWAPPED,
		.time_ns = now_ns += 1000000 };
	/* exactly as long as it says: a byte that is read behind it is found */
	uint8_t *bytes = calloc(1, length);
	bool done;

	same(bytes != NULL);
	memcpy(bytes, data, size);
	sf_store_be16(bytes, back ? port : 50000);
	sf_store_be16(bytes + 2, back ? 50000 : port);
	if (tcp)
		bytes[12] = 0x50;
	if (sf_classes_look(classes, &facts, bytes, length, &done)) {
		same(facts.application.rank > 0 && facts.application.rank <= SF_CLASSES_PACKETS);
		same(facts.application.id[0] == 22);
	}
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!classes)
		open_classes();
	if (!classes || size > 1 << 16)
		return 0;
	/* the flows of the input before are over */
	now_ns += 2 * IDLE_NS;
	while (size >= 3) {
		size_t length = sf_load_be16(data + 1), left = size - 3;

		length = length < left ? length : left;
		look(data[0], data + 3, length);
		data += 3 + length;
		size = left - length;
	}
	return 0;
}
