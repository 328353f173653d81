/* SPDX-License-Identifier: BSD-2-Clause */
/* An IPFIX file, plain or gzip-compressed, whole or damaged. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <spanflow/collect.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_record(void *context, const struct sf_collected *record)
{
	if (sf_collected_json(record, context))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *stream = fopen("/dev/null", "w");
	struct sf_collector_options options = { on_record, stream, 32 };
	struct sf_collector *collector;
	struct sf_error error = { 0 };
	int fd = memfd_create("fuzz", 0), result;
	char path[64];

	if (!stream || fd < 0 || write(fd, data, size) != (ssize_t)size ||
		sf_collector_new(&collector, &options, &error))
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	result = sf_collector_file(collector, path, &error);
	/* whatever is wrong with it is said in words */
	if (result && (result != SF_ECORRUPT || !error.text[0]))
		abort();
	sf_collector_free(collector);
	close(fd);
	fclose(stream);
	return 0;
}
