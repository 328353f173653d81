/* SPDX-License-Identifier: BSD-2-Clause */
/* Meters a capture file and prints its flows:  meter_file FILE */
#include <spanflow/spanflow.h>

#include <stdio.h>

static int meter(struct sf_capture *capture, struct sf_exporter *exporter, struct sf_error *error)
{
	const struct sf_observation_point point = { 0 };
	const struct sf_meter_options options = {
		.active_timeout_ns = 60 * SF_NS_PER_S,
		.idle_timeout_ns = 15 * SF_NS_PER_S,
		.max_flows = 100000,
		.sink = { sf_exporter_put, exporter },
	};
	struct sf_packet batch[SF_BATCH_MAX];
	struct sf_meter *meter;
	int64_t now = 0;
	int n = sf_meter_new(&meter, &options, error);

	if (n < 0)
		return n;
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
		*error = capture->error;
	return n == SF_EOF ? 0 : n;
}

int main(int argc, char **argv)
{
	struct sf_capture_options from = { .names = (const char **)&argv[1], .name_count = 1 };
	const struct sf_text_options table = { .format = SF_TEXT_TABLE };
	struct sf_exporter *exporter = NULL;
	struct sf_capture *capture = NULL;
	struct sf_error error = { SF_EUSAGE, "usage: meter_file FILE" };
	int code = argc == 2 ? sf_capture_open(&capture, "file", &from, &error) : SF_EUSAGE;

	if (code == 0)
		code = sf_exporter_new(&exporter, &(struct sf_exporter_options){ 0 }, &error);
	if (code == 0)
		code = sf_exporter_add_text(exporter, &table, &error);
	if (code == 0)
		code = meter(capture, exporter, &error);
	if (exporter)
		sf_exporter_finish(exporter);
	if (code != 0)
		fprintf(stderr, "%s\n", error.text);
	sf_exporter_free(exporter);
	sf_capture_close(capture);
	return code != 0;
}
