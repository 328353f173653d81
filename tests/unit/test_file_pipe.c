/* SPDX-License-Identifier: BSD-2-Clause */
/* The capture-file driver: compressed files, and pipes. */
#include "file_support.h"

static enum sf_compression compression_of(const char *tool)
{
	enum sf_compression compression = SF_GZIP;

	while (strcmp(sf_compression_name(compression), tool) != 0)
		compression++;
	return compression;
}

/* Does this build read it? */
static bool codec_built(const char *tool)
{
	struct sf_codec *codec;

	if (sf_codec_new(&codec, compression_of(tool), NULL) < 0)
		return false;
	sf_codec_free(codec);
	return true;
}

static void compressed(const char *tool)
{
	struct sf_capture *capture;
	char text[64], expected[64], *path;

	begin();
	ADD("1", HEADER, AT(1, 'a'), AT(2, 'b'));
	ADD("2", AT(3, 'c'), AT(4, 'd'));
	ck_assert_int_gt(asprintf(&path, "%s/compressed", directory), 0);
	/* two members, the second with the records only */
	if (!compress_with(tool, names[0], path) || !compress_with(tool, names[1], path)) {
		printf("skipped: no program %s\n", tool);
		unlink(path);
		free(path);
		end();
		return;
	}
	unlink(names[1]);
	free(names[1]);
	names[1] = path;
	see_files(&seen, (const char *const *)&names[1], 1);
	if (!codec_built(tool)) {
		ck_assert_int_eq(seen.end, SF_EUNSUPPORTED);
		ck_assert_ptr_nonnull(strstr(seen.text, "this build of spanflow has no"));
		end();
		return;
	}
	ck_assert_int_eq(seen.end, SF_EOF);
	tags("abcd");
	ck_assert_int_eq(sf_capture_driver("file")->open(&capture,
				 &(struct sf_capture_options){
					 .names = (const char *const *)&names[1], .name_count = 1 },
				 NULL),
		0);
	capture->ops->describe(capture, text, sizeof(text));
	snprintf(expected, sizeof(expected), "1 file, pcap+%s", tool);
	ck_assert_str_eq(text, expected);
	capture->ops->close(capture);
	end();
}

START_TEST(compressed_files_are_known_by_content)
{
	compressed("gzip");
	compressed("zstd");
	compressed("xz");
	compressed("bzip2");
}
END_TEST

/* Cut anywhere, a compressed file gives the packets that can be had, then says that it is cut. */
START_TEST(cut_compressed_files_are_failures)
{
	enum { PACKETS = 400 };
	static uint8_t file[24 + PACKETS * 17], packed[sizeof(file) + 1000];
	static const uint8_t header[] = { HEADER };
	static const char *const tools[] = { "gzip", "zstd", "xz", "bzip2" };
	uint8_t *p = (uint8_t *)mempcpy(file, header, sizeof(header));

	for (unsigned i = 0; i < PACKETS; i++) {
		const uint8_t record[] = { AT(i * 7919 % 10007, (uint8_t)(i * 31)) };

		p = (uint8_t *)mempcpy(p, record, sizeof(record));
	}
	for (size_t tool = 0; tool < 4; tool++) {
		size_t length;
		FILE *stream;

		begin();
		add("plain", file, sizeof(file));
		add("packed", "", 0);
		if (codec_built(tools[tool]) && compress_with(tools[tool], names[0], names[1])) {
			stream = fopen(names[1], "rb");
			length = fread(packed, 1, sizeof(packed), stream);
			fclose(stream);
			for (size_t cut = 6; cut <= length; cut += cut + 40 < length ? 37 : 1) {
				see_bytes(&seen, packed, cut, 4096);
				ck_assert_int_eq(seen.end, cut == length ? SF_EOF : SF_ECORRUPT);
				if (cut < length)
					ck_assert_ptr_nonnull(strstr(seen.text, "cut off"));
				ck_assert_uint_le(seen.count, PACKETS);
				for (unsigned i = 0; i < seen.count; i++)
					ck_assert_uint_eq(seen.bytes[i], (uint8_t)(i * 31));
				seen_free(&seen);
			}
			see_bytes(&seen, packed, length, 4096);
			ck_assert_uint_eq(seen.count, PACKETS);
		}
		end();
	}
}
END_TEST

/* Writes a file into a pipe, one octet at a time. */
struct dripping {
	int fd;
	const uint8_t *bytes;
	size_t length;
	pthread_t thread;
};

static void *drip(void *argument)
{
	struct dripping *dripping = argument;

	for (size_t i = 0; i < dripping->length; i++)
		if (write(dripping->fd, dripping->bytes + i, 1) != 1)
			break;
	close(dripping->fd);
	return NULL;
}

START_TEST(pipes_are_read_as_they_come)
{
	static const uint8_t file[] = { HEADER, AT(1, 'a'), AT(2, 'b'), AT(3, 'c') };
	struct dripping dripping = { .bytes = file, .length = sizeof(file) };
	int ends[2];

	begin();
	ck_assert_int_eq(pipe(ends), 0);
	dripping.fd = ends[1];
	pthread_create(&dripping.thread, NULL, drip, &dripping);
	see_fd(&seen, ends[0], SF_STREAM_CHUNK, SF_BATCH_MAX);
	pthread_join(dripping.thread, NULL);
	ck_assert_int_eq(seen.end, SF_EOF);
	tags("abc");
	end();
}
END_TEST

/*
 * A live pipe on standard input: packets come at once, then recv returns 0 while the pipe is quiet.
 */
START_TEST(a_quiet_pipe_gives_no_packets_in_time)
{
	static const uint8_t first[] = { HEADER, AT(1, 'a') }, half[] = { LE32(2), LE32(0) },
			     rest[] = { LE32(1), LE32(60), 'b' };
	struct sf_packet batch[SF_BATCH_MAX];
	struct sf_capture *capture;
	int ends[2], kept = dup(STDIN_FILENO);

	begin();
	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	names[name_count++] = strdup("-");
	capture = open_names(&(struct sf_capture_options){ .realtime = true, .wait_ms = 20 });
	ck_assert(!capture->live);
	ck_assert_int_eq(sf_capture_recv(capture, 0, batch, SF_BATCH_MAX), 0);
	ck_assert_int_eq(write(ends[1], first, sizeof(first)), sizeof(first));
	ck_assert_int_eq(sf_capture_recv(capture, 0, batch, SF_BATCH_MAX), 1);
	ck_assert_uint_eq(batch[0].data[0], 'a');
	ck_assert_int_eq(write(ends[1], half, sizeof(half)), sizeof(half));
	ck_assert_int_eq(sf_capture_recv(capture, 0, batch, SF_BATCH_MAX), 0);
	ck_assert_int_eq(write(ends[1], rest, sizeof(rest)), sizeof(rest));
	ck_assert_int_eq(sf_capture_recv(capture, 0, batch, SF_BATCH_MAX), 1);
	ck_assert_uint_eq(batch[0].data[0], 'b');
	close(ends[1]);
	ck_assert_int_eq(sf_capture_recv(capture, 0, batch, SF_BATCH_MAX), SF_EOF);
	capture->ops->close(capture);
	dup2(kept, STDIN_FILENO);
	close(kept);
	end();
}
END_TEST

CHECK_MAIN("file_pipe", compressed_files_are_known_by_content, cut_compressed_files_are_failures,
	pipes_are_read_as_they_come, a_quiet_pipe_gives_no_packets_in_time)
