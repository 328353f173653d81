/* SPDX-License-Identifier: BSD-2-Clause */
/* Twins of a capture of files: each sees all packets, in order. */
#include <pthread.h>
#include <sys/resource.h>

#include "base/wire.h"
#include "capture_bytes.h"
#include "check_main.h"
#include "meter/share.h"

#define TWINS   5
#define PACKETS 60000
#define FRAME   60
#define LARGE   90000 /* octets: now and then a packet that needs a buffer of its own size */

static const char *directory, *names[4];
static unsigned name_count;
static struct sf_capture *captures[TWINS];

/* What one twin saw. */
static struct view {
	uint64_t digest, packets;
	int end;
	char text[sizeof(((struct sf_error *)0)->text)];
} views[TWINS], alone;

static void look(struct view *view, const struct sf_packet *packet)
{
	uint64_t digest = view->digest + (uint64_t)packet->time_ns;

	for (uint32_t i = 0; i < packet->captured; i += 7)
		digest = (digest ^ packet->data[i]) * 0x100000001b3;
	view->digest = (digest + packet->captured) * 0x9e3779b97f4a7c15;
	view->packets++;
}

/* Up to `most` packets, or to the end; false: others kept it waiting. */
static bool see(struct sf_capture *capture, struct view *view, uint64_t most)
{
	struct sf_packet batch[SF_BATCH_MAX];

	while (view->packets < most) {
		uint64_t room = most - view->packets;
		int n = sf_capture_recv(
			capture, 0, batch, room < SF_BATCH_MAX ? (unsigned)room : SF_BATCH_MAX);

		view->end = n;
		if (n < 0 && n != SF_EOF)
			memcpy(view->text, capture->error.text, sizeof(view->text));
		if (n <= 0)
			return n < 0;
		for (int i = 0; i < n; i++)
			look(view, &batch[i]);
		sf_capture_release(capture, 0);
	}
	return true;
}

/* A file of packets of many lengths, every `step`th from `first` on; `cut` octets are missing. */
static void add(const char *name, unsigned first, unsigned step, size_t cut)
{
	static const uint8_t header[] = { PCAP(LE16, LE32, 0xa1b2c3d4, 262144, 1) };
	static uint8_t bytes[LARGE];
	uint64_t random = first + 1;
	char *path;
	FILE *file;

	ck_assert_int_gt(asprintf(&path, "%s/%s", directory, name), 0);
	file = fopen(path, "w");
	fwrite(header, sizeof(header), 1, file);
	for (unsigned i = first; i < PACKETS; i += step) {
		uint32_t length;

		random = random * 6364136223846793005 + 1442695040888963407;
		length = random >> 60 ? 60 : (uint32_t)(random >> 33) % 1500;
		length = random >> 54 ? length : (uint32_t)(random >> 33) % LARGE;
		const uint8_t record[] = { RECORD(LE32, i, i % 1000, length, length) };

		memset(bytes, (int)(i % 251), length);
		fwrite(record, sizeof(record), 1, file);
		fwrite(bytes, length, 1, file);
	}
	ck_assert_int_eq(fflush(file), 0);
	ck_assert_int_eq(ftruncate(fileno(file), ftell(file) - (long)cut), 0);
	fclose(file);
	names[name_count++] = path;
}

static struct sf_capture *open_files(void)
{
	const struct sf_capture_options options = {
		.names = names, .name_count = name_count, .wait_ms = 20
	};
	struct sf_capture *capture;
	struct sf_error error;

	ck_assert_msg(
		sf_capture_driver("file")->open(&capture, &options, &error) == 0, "%s", error.text);
	return capture;
}

static void open_twins(void)
{
	struct sf_error error;

	memset(views, 0, sizeof(views));
	captures[0] = open_files();
	for (unsigned i = 1; i < TWINS; i++)
		ck_assert_msg(captures[0]->ops->twin(captures[0], &captures[i], &error) == 0, "%s",
			error.text);
}

static void begin(void)
{
	directory = test_directory();
	name_count = 0;
}

static void see_alone(void)
{
	struct sf_capture *capture = open_files();

	memset(&alone, 0, sizeof(alone));
	see(capture, &alone, UINT64_MAX);
	capture->ops->close(capture);
}

static void end(void)
{
	while (name_count) {
		unlink(names[--name_count]);
		free((char *)names[name_count]);
	}
	rmdir(directory);
}

static void *see_all(void *context)
{
	const unsigned i = (unsigned)(uintptr_t)context;

	while (!see(captures[i], &views[i], UINT64_MAX))
		;
	return NULL;
}

static void same(const struct view *view)
{
	ck_assert_uint_eq(view->packets, alone.packets);
	ck_assert_uint_eq(view->digest, alone.digest);
	ck_assert_int_eq(view->end, alone.end);
	ck_assert_str_eq(view->text, alone.text);
}

/* All twins at once, each in a thread; then the files are gone. */
static void compare(void)
{
	pthread_t threads[TWINS];

	see_alone();
	open_twins();
	for (uintptr_t i = 0; i < TWINS; i++)
		pthread_create(&threads[i], NULL, see_all, (void *)i);
	for (unsigned i = 0; i < TWINS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < TWINS; i++) {
		struct sf_capture_stats stats;

		same(&views[i]);
		captures[i]->ops->stats(captures[i], &stats);
		ck_assert_uint_eq(stats.frames, alone.packets);
		ck_assert_uint_eq(stats.bytes_read, stats.bytes_total);
	}
	/* what ended stays so */
	ck_assert(see(captures[1], &views[1], UINT64_MAX));
	ck_assert_uint_eq(views[1].packets, alone.packets);
	for (unsigned i = 0; i < TWINS; i++)
		captures[i]->ops->close(captures[i]);
}

START_TEST(twins_see_what_one_reader_sees)
{
	begin();
	add("whole", 0, 1, 0);
	compare();
	ck_assert_uint_eq(alone.packets, PACKETS);
	end();
	begin();
	add("two", 1, 3, 0);
	add("one", 0, 3, 0);
	add("three", 2, 3, 0);
	compare();
	ck_assert_uint_eq(alone.packets, PACKETS);
	end();
}
END_TEST

START_TEST(all_twins_see_the_same_failure)
{
	begin();
	add("short", 0, 2, 100);
	add("whole", 1, 2, 0);
	compare();
	ck_assert_int_eq(alone.end, SF_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(alone.text, "cut off"));
	ck_assert_uint_ge(alone.packets, PACKETS - 2);
	end();
}
END_TEST

/* Who reads them once more would decompress them once more. */
START_TEST(compressed_files_have_none)
{
	static const char *const tools[] = { "gzip -1", "zstd -1" };

	for (unsigned i = 0; i < 2; i++) {
		struct sf_capture *capture, *twin;
		struct sf_error error;
		char command[1024];

		begin();
		add("plain", 0, 2, 0);
		add("packed", 1, 2, 0);
		snprintf(command, sizeof(command), "%s < %s > %s.z 2>/dev/null && mv %s.z %s",
			tools[i], names[1], names[1], names[1], names[1]);
		if (system(command) == 0) {
			capture = open_files();
			see_alone();
			if (alone.end == SF_EOF)
				ck_assert_int_eq(capture->ops->twin(capture, &twin, &error),
					SF_EUNSUPPORTED);
			capture->ops->close(capture);
		}
		end();
	}
}
END_TEST

/* An Ethernet frame that says which it is of all packets. */
static void put_frame(uint8_t *frame, uint32_t number)
{
	memset(frame, 0, FRAME);
	sf_store_be16(frame + 12, number % 10 ? 0x0800 : 0x0806);
	sf_store_be16(frame + 14, 0x4500);
	sf_store_be16(frame + 16, FRAME - 14);
	frame[23] = 17;
	sf_store_be32(frame + 26, 0x0a000000 + number * 2654435761u % 1000);
	sf_store_be32(frame + 30, 0x0b000000 + number % 3);
	sf_store_be32(frame + FRAME - 4, number);
}

static uint32_t number_of(const struct sf_packet *packet)
{
	return sf_load_be32(packet->data + FRAME - 4);
}

/* Every `step`th of `count` frames from `first` on, in either byte order; times step back, and jump. */
static void add_frames(
	const char *name, unsigned first, unsigned step, unsigned count, bool swapped)
{
	static const uint8_t little[] = { PCAP(LE16, LE32, 0xa1b2c3d4, 65535, 1) };
	static const uint8_t big[] = { PCAP(BE16, BE32, 0xa1b2c3d4, 65535, 1) };
	uint32_t jumped = 0;
	char *path;
	FILE *file;

	ck_assert_int_gt(asprintf(&path, "%s/%s", directory, name), 0);
	file = fopen(path, "w");
	fwrite(swapped ? big : little, sizeof(little), 1, file);
	for (uint32_t i = first; i < count; i += step) {
		uint32_t wild = i % 7000 < 3 ? 100000 : 0, late = i % 50 == 7 ? 20 : 0;
		uint32_t s, us = i * 10 % 1000000, length = FRAME;
		uint8_t frame[FRAME];

		jumped += i % 20000 < step ? 1000 : 0;
		s = 1000 + i / 100000 + jumped + wild - late;
		put_frame(frame, i);
		if (swapped) {
			const uint8_t record[] = { RECORD(BE32, s, us, length, length) };
			fwrite(record, sizeof(record), 1, file);
		} else {
			const uint8_t record[] = { RECORD(LE32, s, us, length, length) };
			fwrite(record, sizeof(record), 1, file);
		}
		fwrite(frame, length, 1, file);
	}
	fclose(file);
	names[name_count++] = path;
}

static struct sf_part part_of(unsigned number, struct sf_clock *clock)
{
	static const uint64_t secret[2] = { 0x9e3779b97f4a7c15, 0x0fedcba987654321 };
	struct sf_part part;

	sf_clock_init(clock, 30 * SF_NS_PER_S);
	sf_share_part(&part, TWINS, number, secret, clock);
	return part;
}

/* In the order of the reader of all: which packet it was, when, and the clock after it. */
static struct sf_seen {
	uint32_t number;
	int64_t time_ns, clock_ns;
	bool taken;
} all[PACKETS];

/* What `capture` gives to a part is what it would give to all, but for the others' packets. */
static void take_part(unsigned number, uint64_t stop_at)
{
	struct sf_capture *capture = captures[number];
	struct sf_clock clock;
	struct sf_part part = part_of(number, &clock);
	struct sf_packet batch[SF_BATCH_MAX];
	struct sf_capture_stats stats;
	unsigned place = 0, wrong = 0;
	int n;

	part.stop_at = stop_at;
	while ((n = capture->ops->recv_part(capture, &part, batch, 1 + place % SF_BATCH_MAX)) > 0) {
		for (int i = 0; i < n; i++, place++) {
			while (place < PACKETS && all[place].number != number_of(&batch[i]))
				place++;
			if (place >= PACKETS)
				ck_abort_msg("a packet that the reader of all did not see next");
			wrong += all[place].taken || batch[i].time_ns != all[place].time_ns ||
				 part.clocks[i] != all[place].clock_ns ||
				 (part.in_order && part.clocks[i] != batch[i].time_ns);
			all[place].taken = true;
		}
		sf_capture_release(capture, 0);
		wrong += part.seen < place;
	}
	ck_assert_uint_eq(wrong, 0);
	ck_assert_int_eq(n, stop_at == UINT64_MAX ? SF_EOF : 0);
	ck_assert_uint_eq(part.seen, stop_at == UINT64_MAX ? PACKETS : stop_at);
	ck_assert_int_eq(clock.now, all[part.seen - 1].clock_ns);
	capture->ops->stats(capture, &stats);
	ck_assert_uint_eq(stats.frames, part.seen);
}

static void compare_parts(uint64_t stop_at)
{
	struct sf_packet batch[SF_BATCH_MAX];
	struct sf_clock clock;
	unsigned total = 0, wrong = 0;
	int n;

	sf_clock_init(&clock, 30 * SF_NS_PER_S);
	captures[0] = open_files();
	while ((n = sf_capture_recv(captures[0], 0, batch, SF_BATCH_MAX)) > 0)
		for (int i = 0; i < n && total < PACKETS; i++, total++)
			all[total] = (struct sf_seen){ number_of(&batch[i]), batch[i].time_ns,
				sf_clock_advance(&clock, batch[i].time_ns), false };
	ck_assert_uint_eq(total, PACKETS);
	captures[0]->ops->close(captures[0]);
	open_twins();
	for (unsigned i = 0; i < TWINS; i++) {
		take_part(i, stop_at);
		captures[i]->ops->close(captures[i]);
	}
	for (unsigned i = 0; i < PACKETS; i++)
		wrong += all[i].taken != (i < stop_at);
	ck_assert_uint_eq(wrong, 0);
}

START_TEST(parts_are_what_one_reader_sees)
{
	static const uint64_t stops[] = { UINT64_MAX, 1, PACKETS / 3, PACKETS };

	for (unsigned inputs = 1; inputs <= 4; inputs++)
		for (unsigned i = 0; i < 4; i++) {
			begin();
			for (unsigned k = 0; k < inputs; k++) {
				const char name[] = { (char)('a' + k), 0 };

				add_frames(name, k, inputs, PACKETS, (inputs + k) % 3 == 0);
			}
			compare_parts(stops[i]);
			end();
		}
	/* one file after the other */
	begin();
	add_frames("second", PACKETS / 2, 1, PACKETS, false);
	add_frames("first", 0, 1, PACKETS / 2, false);
	compare_parts(UINT64_MAX);
	end();
}
END_TEST

/* One that does not go on, or has gone, is nothing to the others. */
START_TEST(no_twin_waits_for_another)
{
	begin();
	add("whole", 0, 1, 0);
	see_alone();
	open_twins();
	ck_assert(see(captures[1], &views[1], 1));
	ck_assert(see(captures[0], &views[0], UINT64_MAX));
	same(&views[0]);
	for (unsigned i = 0; i < TWINS - 1; i++)
		captures[i]->ops->close(captures[i]);
	ck_assert(see(captures[TWINS - 1], &views[TWINS - 1], UINT64_MAX));
	same(&views[TWINS - 1]);
	captures[TWINS - 1]->ops->close(captures[TWINS - 1]);
	end();
}
END_TEST

START_TEST(twins_leave_room_for_other_descriptors)
{
	struct rlimit before, limit;
	struct sf_capture *capture, *twins[2];
	struct sf_error error;

	begin();
	add("one", 0, 3, 0);
	add("two", 1, 3, 0);
	add("three", 2, 3, 0);
	capture = open_files();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = 64 + 3 * 3 - 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(capture->ops->twin(capture, &twins[0], &error), 0);
	ck_assert_int_eq(capture->ops->twin(capture, &twins[1], &error), SF_EUNSUPPORTED);
	ck_assert_str_eq(error.text, "3 files are too many to be open 3 times");
	limit.rlim_cur++;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(capture->ops->twin(capture, &twins[1], &error), 0);
	setrlimit(RLIMIT_NOFILE, &before);
	for (unsigned i = 0; i < 2; i++)
		twins[i]->ops->close(twins[i]);
	capture->ops->close(capture);
	end();
}
END_TEST

/* It may fill while it is read, and each reader would find another end. */
START_TEST(an_empty_file_has_no_twin)
{
	struct sf_capture *capture, *twin;
	struct sf_error error;
	FILE *file;

	begin();
	add("whole", 0, 1, 0);
	ck_assert_int_gt(asprintf((char **)&names[name_count++], "%s/empty", directory), 0);
	file = fopen(names[1], "w");
	ck_assert_ptr_nonnull(file);
	fclose(file);
	capture = open_files();
	ck_assert_int_eq(capture->ops->twin(capture, &twin, &error), SF_EUNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(error.text, "empty: has no known size"));
	capture->ops->close(capture);
	end();
}
END_TEST

START_TEST(what_can_be_read_once_has_no_twin)
{
	struct sf_capture *capture, *twin;
	struct sf_error error;

	begin();
	names[name_count++] = strdup("-");
	capture = open_files();
	ck_assert_int_eq(capture->ops->twin(capture, &twin, &error), SF_EUNSUPPORTED);
	capture->ops->close(capture);
	free((char *)names[--name_count]);
	end();
}
END_TEST

CHECK_MAIN("twin", twins_see_what_one_reader_sees, all_twins_see_the_same_failure,
	parts_are_what_one_reader_sees, compressed_files_have_none, no_twin_waits_for_another,
	twins_leave_room_for_other_descriptors, an_empty_file_has_no_twin,
	what_can_be_read_once_has_no_twin)
