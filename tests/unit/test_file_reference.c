/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every real capture of ../shared/pcaps, where that folder is there: number of frames, and the
 * earliest and latest time, as tshark has them in REFERENCE.tsv. SPANFLOW_PCAPS names another
 * place.
 */
#include "capture_bytes.h"
#include "check_main.h"

#include <inttypes.h>

/* Where frames or times differ from tshark's, or the file does not end well, and why. */
static const struct exception {
	const char *file;
	uint64_t frames;
	int end;
	const char *text; /* part of the failure; NULL: any */
} exceptions[] = {
	{ "formats/libpcap--pcap-invalid-version-1.pcap", 0, SF_EUNSUPPORTED, "version 1.4" },
	{ "formats/libpcap--pcapng-invalid-vers-2.pcapng", 0, SF_EUNSUPPORTED, "version 1.1" },
	/* a fraction above 1 s is added to the time here, and printed as it is by the reference */
	{ "formats/nDPI--fuzz-2021-10-13.pcap", 1, SF_ECORRUPT, "byte 237: the file is cut off" },
	/* the time's fraction is unsigned in the format; tshark reads it as negative */
	{ "malformed/nfstream--fuzz-2021-06-07-c6c72a0a56.pcap", 1, SF_EOF, NULL },
	/* the second record claims 1.4 GB; tshark guesses another record layout from that */
	{ "malformed/suricata-verify--bug-6875-01-fuzz.pcap", 1, SF_ECORRUPT,
		"byte 228: a packet record claims 1409179648" },
	/* link types tshark has no reader for */
	{ "malformed/tcpdump--juniper_monitor_invalid_cookie_length.pcap", 1, SF_EOF, NULL },
	{ "vlan-mpls/libpcap--dsa.pcap", 8, SF_EOF, NULL },
	{ "vlan-mpls/tcpdump--brcm-tag-prepend.pcap", 15, SF_EOF, NULL },
	{ "truncated/markofu-pcaps--http-fault-post.pcap", 25, SF_ECORRUPT,
		"byte 8877: the file is cut off" },
	{ "truncated/suricata-verify--smtp-to-comma-10.7.29.101_49898-178.63.41.150_25.pcap", 18,
		SF_ECORRUPT, "byte 3695: a packet record claims 3925868813" },
	{ NULL, 0, 0, NULL },
};

enum { FILE_COLUMN = 0, FRAMES = 5, FIRST = 22, LAST = 23, COLUMNS = 30 };

static const char *folder(void)
{
	const char *named = getenv("SPANFLOW_PCAPS");

	return named ? named : SOURCE_ROOT "/../shared/pcaps";
}

/* "1120469540.839312", any number of digits, to ns. */
static int64_t parse_time(const char *text)
{
	char *fraction;
	int64_t ns = strtoll(text, &fraction, 10) * SF_NS_PER_S;
	int64_t unit = SF_NS_PER_S / 10;

	if (*fraction == '.')
		for (fraction++; *fraction && unit; fraction++, unit /= 10)
			ns += (*fraction - '0') * unit;
	return ns;
}

static void check_row(char **field)
{
	const struct sf_capture_ops *ops = sf_capture_driver("file");
	const struct exception *exception = exceptions;
	struct sf_packet batch[SF_BATCH_MAX];
	struct sf_capture *capture;
	struct sf_error error;
	uint64_t frames = 0, expected;
	int64_t first = INT64_MAX, last = 0;
	char *path = NULL;
	int n, expected_end;

	while (exception->file && strcmp(exception->file, field[FILE_COLUMN]) != 0)
		exception++;
	expected = exception->file ? exception->frames : strtoull(field[FRAMES], NULL, 10);
	expected_end = exception->file ? exception->end : SF_EOF;
	ck_assert_int_gt(asprintf(&path, "%s/%s", folder(), field[FILE_COLUMN]), 0);
	n = ops->open(&capture,
		&(struct sf_capture_options){
			.names = (const char *const *)&path, .name_count = 1 },
		&error);
	if (n == 0) {
		while ((n = sf_capture_recv(capture, 0, batch, SF_BATCH_MAX)) > 0) {
			for (int i = 0; i < n; i++) {
				if (batch[i].time_ns < first)
					first = batch[i].time_ns;
				if (batch[i].time_ns > last)
					last = batch[i].time_ns;
			}
			frames += (unsigned)n;
		}
		error = capture->error;
		capture->ops->close(capture);
	}
	if (frames != expected || n != expected_end ||
		(exception->text && !strstr(error.text, exception->text)))
		ck_abort_msg("%s: %" PRIu64 " frames, expected %" PRIu64 "; ends with %s: %s",
			field[FILE_COLUMN], frames, expected, sf_strerror(n), error.text);
	if (frames && !exception->file) {
		ck_assert_int_eq(first, parse_time(field[FIRST]));
		ck_assert_int_eq(last, parse_time(field[LAST]));
	}
	free(path);
}

START_TEST(real_captures_have_as_many_frames_as_tshark_sees)
{
	char line[4096], name[4096];
	char *field[COLUMNS];
	unsigned rows = 0;
	FILE *table;

	snprintf(name, sizeof(name), "%s/REFERENCE.tsv", folder());
	table = fopen(name, "r");
	if (!table) {
		printf("skipped: no %s\n", name);
		return;
	}
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), table));
	while (fgets(line, sizeof(line), table)) {
		char *rest = line;

		for (int i = 0; i < COLUMNS; i++)
			field[i] = strsep(&rest, "\t\n");
		check_row(field);
		rows++;
	}
	fclose(table);
	ck_assert_uint_gt(rows, 100);
}
END_TEST

CHECK_MAIN("file_reference", real_captures_have_as_many_frames_as_tshark_sees)
