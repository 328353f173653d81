/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints the records of an IPFIX file as lines of JSON:  read_ipfix FILE */
#include <spanflow/spanflow.h>

#include <stdio.h>

static void print(void *context, const struct sf_collected *record)
{
	if (!record->options && sf_collected_json(record, stdout) < 0)
		sf_collector_stop(context);
}

int main(int argc, char **argv)
{
	struct sf_collector *collector = NULL;
	struct sf_collector_stats stats;
	struct sf_collector_options options = { .record = print };
	struct sf_error error;
	int code;

	if (argc != 2) {
		fprintf(stderr, "usage: read_ipfix FILE\n");
		return 2;
	}
	code = sf_collector_new(&collector, &options, &error);
	if (code == 0) {
		code = sf_collector_file(collector, argv[1], &error);
		sf_collector_stats(collector, &stats);
		fprintf(stderr, "%llu records\n", (unsigned long long)stats.records);
	}
	if (code != 0)
		fprintf(stderr, "%s\n", error.text);
	sf_collector_free(collector);
	return code != 0;
}
