/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Queues that read capture files in turns: together they have every packet once and in order, and
 * packets lent to one queue stay unchanged while the others read on.
 */
#include "capture_bytes.h"
#include "check_main.h"

#define QUEUES  5
#define PACKETS 60000
#define MOST    300   /* packets asked for at once */
#define LARGE   90000 /* octets: now and then a packet that needs a buffer of its own size */

static const char *directory, *names[QUEUES];
static unsigned name_count;
static uint64_t state;

static unsigned random_below(unsigned limit)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (unsigned)((state >> 33) % limit);
}

/* A digest that goes on from `digest`, over all that is known of a packet. */
static uint64_t look(uint64_t digest, const struct sf_packet *packet)
{
	digest += (uint64_t)packet->time_ns;
	for (uint32_t i = 0; i < packet->captured; i += 7)
		digest = (digest ^ packet->data[i]) * 0x100000001b3;
	return (digest + packet->captured) * 0x9e3779b97f4a7c15;
}

/* A file of packets of many lengths, every `step`th from `first` on; `cut` octets are missing. */
static void add(const char *name, unsigned first, unsigned step, size_t cut)
{
	static const uint8_t header[] = { PCAP(LE16, LE32, 0xa1b2c3d4, 262144, 1) };
	static uint8_t bytes[LARGE];
	char *path;
	FILE *file;

	ck_assert_int_gt(asprintf(&path, "%s/%s", directory, name), 0);
	file = fopen(path, "w");
	fwrite(header, sizeof(header), 1, file);
	for (unsigned i = first; i < PACKETS; i += step) {
		uint32_t length = random_below(16) ? 60 : random_below(1500);

		length = random_below(1000) ? length : random_below(LARGE);
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

static struct sf_capture *open_files(unsigned queues)
{
	const struct sf_capture_options options = {
		.names = names, .name_count = name_count, .wait_ms = 20, .queues = queues
	};
	struct sf_capture *capture;
	struct sf_error error;

	ck_assert_msg(
		sf_capture_driver("file")->open(&capture, &options, &error) == 0, "%s", error.text);
	ck_assert_uint_eq(capture->queues, queues ? queues : 1);
	return capture;
}

static void begin(void)
{
	directory = test_directory();
	name_count = 0;
	state = 1;
}

static void end(void)
{
	while (name_count) {
		unlink(names[--name_count]);
		free((char *)names[name_count]);
	}
	rmdir(directory);
}

/* What all queues saw together. */
struct view {
	uint64_t digest, packets;
	int end;
	char text[sizeof(((struct sf_error *)0)->text)];
};

/* What a queue was lent, and what it was like then. */
static struct lent {
	struct sf_packet packets[MOST];
	uint64_t digests[MOST];
	int count;
} lents[QUEUES];

static void as_it_was(const struct lent *lent)
{
	for (int i = 0; i < lent->count; i++)
		if (look(0, &lent->packets[i]) != lent->digests[i])
			ck_abort_msg("packet %d of %d has changed", i, lent->count);
}

/* `sticky`: how many turns in a row a queue mostly has. */
static void see(struct view *view, unsigned queues, unsigned sticky)
{
	struct sf_capture *capture = open_files(queues);
	struct sf_capture_stats stats;
	unsigned queue = 0;

	memset(view, 0, sizeof(*view));
	memset(lents, 0, sizeof(lents));
	while (view->end >= 0) {
		struct lent *lent =
			&lents[queue = random_below(sticky) ? queue : random_below(queues)];

		as_it_was(lent);
		lent->count =
			sf_capture_recv(capture, queue, lent->packets, 1 + random_below(MOST));
		view->end = lent->count;
		for (int i = 0; i < lent->count; i++) {
			lent->digests[i] = look(0, &lent->packets[i]);
			view->digest = look(view->digest, &lent->packets[i]);
			view->packets++;
		}
	}
	for (unsigned i = 0; i < queues; i++)
		as_it_was(&lents[i]);
	if (view->end != SF_EOF)
		memcpy(view->text, capture->error.text, sizeof(view->text));
	capture->ops->stats(capture, &stats);
	ck_assert_uint_eq(stats.frames, view->packets);
	if (stats.bytes_total)
		ck_assert_uint_eq(stats.bytes_read, stats.bytes_total);
	capture->ops->close(capture);
}

/* All queues see what one sees. */
static struct view compare(void)
{
	struct view alone, turns;

	see(&alone, 1, 1);
	for (unsigned queues = 2; queues <= QUEUES; queues++)
		for (unsigned sticky = 1; sticky < 40; sticky += 19) {
			see(&turns, queues, sticky);
			ck_assert_uint_eq(turns.packets, alone.packets);
			ck_assert_uint_eq(turns.digest, alone.digest);
			ck_assert_int_eq(turns.end, alone.end);
			ck_assert_str_eq(turns.text, alone.text);
		}
	return alone;
}

START_TEST(turns_give_what_one_queue_gets)
{
	begin();
	add("whole", 0, 1, 0);
	ck_assert_uint_eq(compare().packets, PACKETS);
	end();
	begin();
	add("two", 1, 3, 0);
	add("one", 0, 3, 0);
	add("three", 2, 3, 0);
	ck_assert_uint_eq(compare().packets, PACKETS);
	end();
}
END_TEST

/* One input ends while packets of it are lent, the next is opened. */
START_TEST(one_file_after_the_other)
{
	begin();
	add("late", PACKETS - 20000, 1, 0);
	add("last", PACKETS - 1, 1, 0);
	add("none", PACKETS, 1, 0);
	add("early", 0, 2, 0);
	ck_assert_uint_eq(compare().packets, 20000 + 1 + PACKETS / 2);
	end();
}
END_TEST

START_TEST(a_damaged_file_ends_for_all)
{
	struct view view;

	begin();
	add("short", 0, 2, 100);
	add("whole", 1, 2, 0);
	view = compare();
	ck_assert_int_eq(view.end, SF_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(view.text, "cut off"));
	ck_assert_uint_ge(view.packets, PACKETS - 2);
	end();
}
END_TEST

/* Also in a build without zlib or libzstd, and without the tools that make such files. */
static bool can_be_read(void)
{
	const struct sf_capture_options options = { .names = names, .name_count = name_count };
	struct sf_capture *capture;
	struct sf_error error;
	int err = sf_capture_driver("file")->open(&capture, &options, &error);

	ck_assert(err == 0 || err == SF_EUNSUPPORTED);
	if (err == 0)
		capture->ops->close(capture);
	return err == 0;
}

START_TEST(compressed_files_too)
{
	static const char *const tools[] = { "gzip -1", "zstd -1" };

	for (unsigned i = 0; i < 2; i++) {
		char command[1024];

		begin();
		add("plain", 0, 2, 0);
		add("packed", 1, 2, 0);
		snprintf(command, sizeof(command), "%s < %s > %s.z 2>/dev/null && mv %s.z %s",
			tools[i], names[1], names[1], names[1], names[1]);
		if (system(command) == 0 && can_be_read())
			ck_assert_uint_eq(compare().packets, PACKETS);
		end();
	}
}
END_TEST

CHECK_MAIN("file_queues", turns_give_what_one_queue_gets, one_file_after_the_other,
	a_damaged_file_ends_for_all, compressed_files_too)
