/* SPDX-License-Identifier: BSD-2-Clause */
/* Meters a capture file and prints its flows:  meter_file FILE */
#include <spanflow/spanflow.h>

#include <stdio.h>

static int meter(struct sf_capture *capture, struct sf_exporter *exporter)
{
	const struct sf_observation_point point = { 0 };
	const struct sf_meter_options options = {
		.active_timeout_ns = 60 * SF_NS_PER_S,
		.idle_timeout_ns = 15 * SF_NS_PER_S,
		.max_flows = 100000,
		.sink = { sf_exporter_put, exporter },
	};
	struct sf_packet batch[SF_BATCH_MAX];
	struct sf_error error;
	struct sf_meter *meter;
	int64_t now = 0;
	int n;

	if (sf_meter_new(&meter, &options, &error) < 0)
		return fprintf(stderr, "%s\n", error.text), 1;
	while ((n = sf_capture_recv(capture, 0, batch, SF_BATCH_MAX)) >= 0) {
		sf_meter_batch(meter, batch, (unsigned)n, NULL, &point);
		for (int i = 0; i < n; i++)
			now = batch[i].time_ns > now ? batch[i].time_ns : now;
		sf_capture_release(capture, 0);
		while (sf_meter_age(meter, now))
			;
	}
	sf_meter_finish(meter, now);
	sf_meter_free(meter);
	if (n != SF_EOF)
		fprintf(stderr, "%s\n", capture->error.text);
	return n != SF_EOF;
}

int main(int argc, char **argv)
{
	const struct sf_exporter_options no_options = { 0 };
	const struct sf_text_options table = { .format = SF_TEXT_TABLE };
	struct sf_capture_options from = { .names = (const char **)(argv + 1), .name_count = 1 };
	struct sf_exporter *exporter = NULL;
	struct sf_capture *capture = NULL;
	struct sf_error error;
	int status = 1;

	if (argc == 2 && sf_capture_driver("file")->open(&capture, &from, &error) == 0 &&
		sf_exporter_new(&exporter, &no_options, &error) == 0 &&
		sf_exporter_add_text(exporter, &table, &error) == 0) {
		status = meter(capture, exporter);
		sf_exporter_finish(exporter);
	} else {
		fprintf(stderr, "%s\n", argc == 2 ? error.text : "usage: meter_file FILE");
	}
	sf_exporter_free(exporter);
	if (capture)
		capture->ops->close(capture);
	return status;
}
