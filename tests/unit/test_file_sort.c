/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that were not written in the order of time. */
#include <fcntl.h>

#include "capture_bytes.h"
#include "check_main.h"

#define MOST   200000
#define QUEUES 3

/* A packet: its number is in its first four bytes. */
struct written {
	int64_t time_us;
	uint32_t number, length;
};

static struct written packets[MOST], sorted[MOST];
static unsigned count;
static bool any_order;
static unsigned set_back[8], set_back_count; /* numbers of the packets that go back in time */
static struct sf_capture_stats stats;
static char remark[600];
static uint64_t state = 1;

static unsigned below(unsigned limit)
{
	state = state * 6364136223846793005 + 1442695040888963407;
	return (unsigned)((state >> 33) % limit);
}

static void add(int64_t time_us, uint32_t length)
{
	packets[count] = (struct written){ time_us, count, length };
	count++;
}

static uint8_t byte_of(const struct written *packet)
{
	return (uint8_t)(packet->number * 7 + 1);
}

/* Writes the packets from `first` on, every `step`th; returns the path. */
static char *write_file(const char *directory, const char *name, unsigned first, unsigned step)
{
	static const uint8_t header[] = { PCAP(LE16, LE32, 0xa1b2c3d4, 262144, 1) };
	static uint8_t bytes[2048];
	char *path = test_file(directory, name, header, sizeof(header));
	FILE *file = fopen(path, "ab");

	for (unsigned i = first; i < count; i += step) {
		const struct written *packet = &packets[i];
		const uint8_t record[] = { RECORD(LE32, packet->time_us / 1000000,
			packet->time_us % 1000000, packet->length, packet->length) };

		memset(bytes, byte_of(packet), packet->length);
		memcpy(bytes, &packet->number, 4);
		fwrite(record, sizeof(record), 1, file);
		fwrite(bytes, packet->length, 1, file);
	}
	ck_assert_int_eq(fclose(file), 0);
	return path;
}

static int by_time(const void *a, const void *b)
{
	const struct written *x = a, *y = b;

	if (x->time_us != y->time_us)
		return x->time_us < y->time_us ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* What each queue has at the moment. */
static struct lent {
	struct sf_packet packets[2048];
	uint32_t first; /* place in `sorted` */
	int count;
} lents[QUEUES];

/* Are they the next packets, whole, and still so? */
static void look(const struct lent *lent)
{
	for (int i = 0; i < lent->count; i++) {
		const struct sf_packet *packet = &lent->packets[i];
		const struct written *expected = &sorted[lent->first + (unsigned)i];
		uint32_t number;

		memcpy(&number, packet->data, 4);
		ck_assert_uint_lt(number, count);
		if (any_order)
			expected = &packets[number];
		if (number != expected->number)
			ck_abort_msg("packet %u is number %u, not %u", lent->first + (unsigned)i,
				number, expected->number);
		ck_assert_int_eq(packet->time_ns, expected->time_us * 1000);
		ck_assert_uint_eq(packet->captured, expected->length);
		for (uint32_t k = 4; k < packet->captured; k++)
			if (packet->data[k] != byte_of(expected))
				ck_abort_msg("bytes of packet %u have changed", number);
	}
}

static void note_set_back(const struct lent *lent)
{
	for (int i = 0; i < lent->count; i++)
		if (lent->packets[i].flags & SF_PACKET_SET_BACK)
			set_back[set_back_count++ % 8] = sorted[lent->first + (unsigned)i].number;
}

/* Reads all files: `sorted` must come out, whatever the queues and the batches. */
static void read_files(const char *const *names, unsigned name_count, unsigned queues, unsigned max)
{
	const struct sf_capture_options options = {
		.names = names, .name_count = name_count, .queues = queues, .wait_ms = 20
	};
	struct sf_capture *capture;
	struct sf_error error;
	uint32_t seen = 0;
	int n = 0;

	ck_assert_msg(
		sf_capture_driver("file")->open(&capture, &options, &error) == 0, "%s", error.text);
	memset(lents, 0, sizeof(lents));
	set_back_count = 0;
	while (n >= 0) {
		unsigned queue = below(queues);
		struct lent *lent = &lents[queue];

		look(lent);
		sf_capture_release(capture, queue);
		lent->first = seen;
		n = sf_capture_recv(capture, queue, lent->packets, 1 + below(max));
		lent->count = n > 0 ? n : 0;
		look(lent);
		note_set_back(lent);
		seen += (uint32_t)lent->count;
	}
	ck_assert_int_eq(n, SF_EOF);
	ck_assert_uint_eq(seen, count);
	for (unsigned i = 0; i < queues; i++)
		look(&lents[i]);
	capture->ops->stats(capture, &stats);
	ck_assert_uint_eq(stats.frames, count);
	if (!capture->ops->remark(capture, 0, remark, sizeof(remark)))
		*remark = '\0';
	capture->ops->close(capture);
}

static uint64_t counter(const char *name)
{
	for (unsigned i = 0; i < stats.cause_count; i++)
		if (strcmp(stats.causes[i].name, name) == 0)
			return stats.causes[i].count;
	ck_abort_msg("no counter %s", name);
	return 0;
}

/* As one file, or as `files` of them, with `sorted` set. */
static void read_all(unsigned files, unsigned max)
{
	const char *directory = test_directory();
	char *names[4], name[] = "0.pcap";

	for (unsigned i = 0; i < files; i++, (*name)++)
		names[i] = write_file(directory, name, i, files);
	for (unsigned queues = 1; queues <= QUEUES; queues += QUEUES - 1)
		read_files((const char *const *)names, files, queues, max);
	for (unsigned i = 0; i < files; i++) {
		unlink(names[i]);
		free(names[i]);
	}
	rmdir(directory);
}

static void sort(void)
{
	memcpy(sorted, packets, sizeof(sorted));
	qsort(sorted, count, sizeof(*sorted), by_time);
}

static void shuffle(void)
{
	for (unsigned i = count; i > 1; i--) {
		unsigned k = below(i);
		struct written packet = packets[i - 1];

		packets[i - 1] = packets[k];
		packets[k] = packet;
	}
	for (unsigned i = 0; i < count; i++)
		packets[i].number = i;
}

#define NOW INT64_C(1700000000000000)

/* 300 packets in any order; some times are equal, and then the order of the file counts. */
START_TEST(any_permutation_is_sorted)
{
	for (unsigned round = 0; round < 40; round++) {
		count = 0;
		for (unsigned i = 0; i < 300; i++)
			add(NOW + (int64_t)(i - i % 3) * (round % 2 ? 1000 : 40000000),
				4 + below(90));
		shuffle();
		sort();
		read_all(1, round % 3 ? 64 : 3);
		ck_assert_uint_eq(counter("tooLateToSort"), 0);
		ck_assert_uint_eq(counter("wildTimes"), 0);
		ck_assert_ptr_nonnull(strstr(remark, "0.pcap: not in time order: "));
		ck_assert_ptr_nonnull(strstr(remark, "sorted by time"));
	}
}
END_TEST

START_TEST(files_in_order_say_nothing)
{
	count = 0;
	for (unsigned i = 0; i < 100000; i++)
		add(NOW + i / 2, 60);
	sort();
	read_all(1, 2000);
	ck_assert_uint_eq(counter("outOfOrder"), 0);
	ck_assert_str_eq(remark, "");
}
END_TEST

/* Two ports, one block of each after the other, as dumpcap writes them. */
static void blocks(unsigned blocks_of, unsigned all)
{
	count = 0;
	for (int64_t begin = NOW; count < all; begin += (int64_t)blocks_of * 10)
		for (unsigned port = 0; port < 2; port++)
			for (unsigned i = 0; i < blocks_of; i++)
				add(begin + i * 10 + port * 5, 60 + below(60));
	sort();
}

START_TEST(blocks_of_two_ports_are_sorted)
{
	blocks(5, 40);
	read_all(1, 4);
	ck_assert_uint_eq(counter("outOfOrder"), 20 - 4);
	blocks(700, 60000);
	read_all(1, 64);
	ck_assert_uint_eq(counter("tooLateToSort"), 0);
	/* nearly as late as can be, over many parts */
	blocks(30000, MOST - 60000);
	read_all(1, 2000);
	ck_assert_uint_eq(counter("tooLateToSort"), 0);
}
END_TEST

/* The files of a tap, none of them in order. */
START_TEST(disordered_files_are_merged)
{
	count = 0;
	for (unsigned i = 0; i < 90000; i++)
		add(NOW + i * 10 + (below(10) ? 0 : below(3000)), 60 + below(60));
	sort();
	/* equal times are told apart by file; there are none */
	for (unsigned i = 0; i < count; i++)
		packets[i].time_us = packets[i].time_us / 16 * 16 + i % 3;
	for (unsigned i = 0; i < count; i++)
		packets[i].number = i;
	sort();
	for (unsigned i = 1; i < count; i++)
		if (sorted[i].time_us == sorted[i - 1].time_us &&
			sorted[i].number % 3 != sorted[i - 1].number % 3)
			ck_abort_msg("not what this test means");
	read_all(3, 700);
	ck_assert_uint_gt(counter("outOfOrder"), 1000);
	ck_assert_ptr_nonnull(strstr(remark, " and 2 more: not in time order"));
}
END_TEST

/* Two of three files have their later half first: they are opened by their earliest packet. */
START_TEST(files_may_begin_with_a_later_packet)
{
	const unsigned each = 20000;

	count = 0;
	for (unsigned i = 0; i < 3 * each; i++) {
		unsigned place = i % 3 ? (i / 3 + each / 2) % each : i / 3;

		add(NOW + (int64_t)(3 * place + i % 3) * 1000, 60 + below(60));
	}
	sort();
	read_all(3, 700);
	ck_assert_uint_eq(counter("tooLateToSort"), 0);
	ck_assert_uint_eq(counter("outOfOrder"), 2 * each / 2);
}
END_TEST

/* In order for longer than is looked ahead, then blocks: these are in one batch at least. */
START_TEST(disorder_may_begin_late)
{
	count = 0;
	for (unsigned i = 0; i < 70000; i++)
		add(NOW + i * 10, 60);
	for (unsigned i = 0; i < 50000; i++)
		add(NOW + 700000 + ((i ^ 1) * 10), 60);
	sort();
	/* a packet at a time: the first one was given before the step back was seen */
	struct written first = sorted[70000];

	sorted[70000] = sorted[70001];
	sorted[70001] = first;
	read_all(1, 1);
	ck_assert_uint_eq(counter("outOfOrder"), 25000);
	ck_assert_uint_eq(counter("tooLateToSort"), 1);
}
END_TEST

/* What is later than a part can be is given where it comes, and said. */
START_TEST(too_late_is_said)
{
	count = 0;
	for (unsigned i = 0; i < MOST - 1; i++)
		add(NOW + i * 10, 4);
	add(NOW + 5, 4);
	any_order = true;
	read_all(1, 2000);
	any_order = false;
	ck_assert_uint_eq(counter("outOfOrder"), 1);
	ck_assert_uint_eq(counter("tooLateToSort"), 1);
	ck_assert_ptr_nonnull(strstr(remark, "reordercap"));
}
END_TEST

/* Captures from `begins` on, one behind the other; if `mixed`, each with some disorder. */
static void captures(
	const int64_t *begins, const unsigned *lengths, unsigned captures_of, bool mixed)
{
	count = 0;
	for (unsigned c = 0; c < captures_of; c++)
		for (unsigned i = 0; i < lengths[c]; i++)
			add(begins[c] + (mixed && i % 1000 > 900 ? i ^ 1 : i) * INT64_C(1000), 60);
	memcpy(sorted, packets, sizeof(sorted));
	for (unsigned c = 0, first = 0; c < captures_of; first += lengths[c++])
		qsort(sorted + first, lengths[c], sizeof(*sorted), by_time);
}

#define HOUR INT64_C(3600000000)

/* What is behind a step back is sorted apart, and begins with a packet that says so. */
START_TEST(an_earlier_capture_begins_anew)
{
	static const int64_t begins[] = { NOW, NOW - HOUR, NOW - 3 * HOUR };
	static const unsigned lengths[] = { 66000, 66000, 68000 };

	for (unsigned max = 1; max < 2048; max += 682) {
		captures(begins, lengths, 3, false);
		read_all(1, max);
		ck_assert_uint_eq(set_back_count, 2);
		ck_assert_uint_eq(set_back[0], 66000);
		ck_assert_uint_eq(set_back[1], 132000);
		ck_assert_uint_eq(counter("outOfOrder"), 0);
		ck_assert_uint_eq(counter("tooLateToSort"), 0);
		ck_assert_str_eq(remark, "");
	}
}
END_TEST

/* The same where parts are sorted before the step, which comes at any place of a part. */
START_TEST(an_earlier_capture_follows_disorder)
{
	static const int64_t begins[] = { NOW, NOW - HOUR };

	for (unsigned length = 131000; length < 131200; length += 33) {
		const unsigned lengths[] = { length, MOST - length };

		captures(begins, lengths, 2, true);
		read_all(1, 2000);
		ck_assert_uint_eq(set_back_count, 1);
		ck_assert_uint_eq(set_back[0], sorted[length].number);
		ck_assert_uint_eq(counter("tooLateToSort"), 0);
	}
}
END_TEST

/* Few packets that lie back, and an earlier capture that can be sorted, are no step. */
START_TEST(not_every_step_back_begins_anew)
{
	static const int64_t begins[] = { NOW, NOW - HOUR, NOW + HOUR };
	static const unsigned few[] = { 70000, 63, 0 }, amid[] = { 70000, 5000, 5000 },
			      small[] = { 30000, 30000, 0 };
	static const struct {
		const unsigned *lengths;
		bool late;
	} cases[] = { { few, true }, { amid, true }, { small, false } };

	for (unsigned i = 0; i < 3; i++) {
		captures(begins, cases[i].lengths, 3, false);
		sort();
		any_order = cases[i].late;
		read_all(1, 2000);
		any_order = false;
		ck_assert_uint_eq(set_back_count, 0);
		ck_assert_int_eq(counter("tooLateToSort") > 0, cases[i].late);
	}
}
END_TEST

/* One wild time keeps its place, and does not keep others from theirs. */
START_TEST(a_wild_time_stays_where_it_stands)
{
	static const int64_t wild[] = { -NOW + 1, INT64_C(31536000000000), -INT64_C(31536000000000),
		INT64_C(86400000000), 7200000000 };

	for (unsigned k = 0; k < 5; k++)
		for (unsigned at = 0; at < 100; at += 33) {
			count = 0;
			for (unsigned i = 0; i < 100; i++)
				add(NOW + (i ^ 2) * 10, 60);
			/*
			 * Sorted as if it had the time of the packet before (the first one: just
			 * behind the next). The last one may be right if it is ahead, and comes
			 * last; so may the first.
			 */
			bool may_be_right = (at == 99 && wild[k] > 0) || (at == 0 && wild[k] < 0);

			packets[at].time_us = may_be_right ? NOW + wild[k]
					      : at         ? packets[at - 1].time_us
							   : packets[1].time_us + 1;
			sort();
			packets[at].time_us = NOW + wild[k];
			for (unsigned i = 0; i < count; i++)
				if (sorted[i].number == at)
					sorted[i].time_us = NOW + wild[k];
			read_all(1, 7);
			ck_assert_uint_eq(counter("wildTimes"), !may_be_right);
		}
}
END_TEST

/* The packet of file 0 with a wild time ahead comes behind the one before it; file 1 goes on. */
START_TEST(a_wild_time_holds_up_no_other_file)
{
	for (unsigned at = 0; at < 1998; at += 666) {
		count = 0;
		for (unsigned i = 0; i < 2000; i++)
			add(NOW + i * 10, 60);
		packets[at].time_us = at ? packets[at - 2].time_us : packets[2].time_us + 1;
		sort();
		packets[at].time_us = NOW + INT64_C(86400000000);
		for (unsigned i = 0; i < count; i++)
			if (sorted[i].number == at)
				sorted[i].time_us = packets[at].time_us;
		for (unsigned max = 1; max < 200; max += 99)
			read_all(2, max);
		ck_assert_uint_eq(counter("wildTimes"), 1);
		ck_assert_uint_eq(counter("outOfOrder"), 0);
	}
}
END_TEST

/* Packets of a pipe do not wait: those that have come are delivered, sorted. */
START_TEST(a_pipe_is_sorted_as_it_comes)
{
	const char *directory = test_directory();
	char *path, command[300], fifo[100];
	FILE *writer;

	blocks(20, 2000);
	path = write_file(directory, "a.pcap", 0, 1);
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	snprintf(command, sizeof(command), "cat %s > %s", path, fifo);
	writer = popen(command, "r");
	read_files(&(const char *){ fifo }, 1, 1, 64);
	pclose(writer);
	ck_assert_uint_eq(counter("tooLateToSort"), 0);
	unlink(fifo);
	unlink(path);
	free(path);
	rmdir(directory);
}
END_TEST

START_TEST(a_quiet_pipe_is_not_waited_for)
{
	static const uint8_t file[] = { PCAP(LE16, LE32, 0xa1b2c3d4, 65535, 1),
		RECORD(LE32, 10, 0, 4, 4), B4, RECORD(LE32, 9, 0, 4, 4), B4,
		RECORD(LE32, 11, 0, 4, 4), B4 };
	const char *directory = test_directory();
	struct sf_capture_options options = { .name_count = 1, .wait_ms = 10, .realtime = true };
	struct sf_packet batch[8];
	struct sf_capture *capture;
	struct sf_error error;
	char fifo[100];
	int fd, n, seen = 0;

	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDWR);
	ck_assert_int_eq(write(fd, file, sizeof(file)), sizeof(file));
	options.names = &(const char *){ fifo };
	ck_assert_int_eq(sf_capture_driver("file")->open(&capture, &options, &error), 0);
	for (unsigned i = 0; i < 10 && seen < 3; i++, seen += n) {
		n = sf_capture_recv(capture, 0, batch, 8);
		ck_assert_int_ge(n, 0);
		for (int k = 0; k < n; k++)
			ck_assert_int_eq(batch[k].time_ns, (9 + seen + k) * SF_NS_PER_S);
		sf_capture_release(capture, 0);
	}
	ck_assert_int_eq(seen, 3);
	capture->ops->close(capture);
	close(fd);
	unlink(fifo);
	rmdir(directory);
}
END_TEST

CHECK_MAIN("file_sort", any_permutation_is_sorted, files_in_order_say_nothing,
	blocks_of_two_ports_are_sorted, disordered_files_are_merged,
	files_may_begin_with_a_later_packet, disorder_may_begin_late, too_late_is_said,
	an_earlier_capture_begins_anew, an_earlier_capture_follows_disorder,
	not_every_step_back_begins_anew, a_wild_time_stays_where_it_stands,
	a_wild_time_holds_up_no_other_file, a_pipe_is_sorted_as_it_comes,
	a_quiet_pipe_is_not_waited_for)
