/* SPDX-License-Identifier: BSD-2-Clause */
/* Outlets: full pipes, readers who go, full disks. */
#include <signal.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "export_support.h"
#include "transport/outlet.h"

#define LINE 100

static void append_line(struct sf_outlet *outlet, unsigned number)
{
	uint8_t *room = sf_outlet_room(outlet, LINE + 1);

	ck_assert_ptr_nonnull(room);
	snprintf((char *)room, LINE + 1, "%099u", number);
	room[LINE - 1] = '\n';
	sf_outlet_add(outlet, LINE, &(struct sf_destination_count){ 1, 2, 3 }, true);
}

/* A pipe gets whole lines, as many as it takes, and the rest when somebody reads. */
START_TEST(a_pipe_that_is_full_is_not_waited_for)
{
	static char bytes[1 << 20];
	struct sf_outlet outlet;
	size_t length = 0;
	int ends[2], fd;
	ssize_t n;

	ck_assert_int_eq(pipe(ends), 0);
	sf_outlet_init(&outlet, ends[1], false, false);
	for (unsigned i = 0; i < 5000; i++)
		append_line(&outlet, i);
	ck_assert_int_eq(sf_outlet_pump(&outlet, 1, &fd), INT64_MAX);
	ck_assert_int_eq(fd, ends[1]);
	ck_assert_uint_gt(outlet.sent.flows.records, 0);
	/* the descriptor's flags are not this process's alone */
	ck_assert_int_eq(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
	while (!sf_outlet_empty(&outlet) && outlet.sent.flows.records < 4000) {
		n = read(ends[0], bytes + length, 10000);
		ck_assert_int_gt(n, 0);
		length += (size_t)n;
		sf_outlet_pump(&outlet, 1, &fd);
	}
	sf_outlet_drop(&outlet);
	close(ends[1]);
	while ((n = read(ends[0], bytes + length, sizeof(bytes) - length)) > 0)
		length += (size_t)n;
	ck_assert_uint_eq(length, outlet.sent.flows.records * LINE);
	ck_assert_uint_eq(outlet.sent.octets, length);
	ck_assert_uint_eq(outlet.sent.flows.records + outlet.lost.flows.records, 5000);
	ck_assert_uint_gt(outlet.lost.flows.records, 0);
	for (unsigned i = 0; i < length / LINE; i++)
		ck_assert_uint_eq(strtoul(bytes + (size_t)i * LINE, NULL, 10), i);
	sf_outlet_fini(&outlet);
	close(ends[0]);
}
END_TEST

START_TEST(a_reader_who_goes_does_not_come_back)
{
	struct sf_outlet outlet;
	int ends[2], fd;

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe(ends), 0);
	sf_outlet_init(&outlet, ends[1], false, false);
	sf_outlet_pump(&outlet, 1, &fd);
	ck_assert(!outlet.gone);
	close(ends[0]);
	/* noticed although there is nothing to write */
	sf_outlet_pump(&outlet, 1, &fd);
	ck_assert(outlet.gone);
	ck_assert_int_eq(outlet.error, -EPIPE);
	append_line(&outlet, 1);
	sf_outlet_pump(&outlet, 1, &fd);
	ck_assert_uint_eq(outlet.lost.flows.records, 1);
	sf_outlet_fini(&outlet);
	close(ends[1]);
}
END_TEST

static void limit_files(rlim_t octets)
{
	const struct rlimit limit = { octets, RLIM_INFINITY };

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void check_lines(const char *path, unsigned count)
{
	FILE *file = fopen(path, "r");
	char line[LINE + 2];
	unsigned lines = 0;

	ck_assert_ptr_nonnull(file);
	for (; fgets(line, sizeof(line), file); lines++)
		ck_assert_uint_eq(strlen(line), LINE);
	fclose(file);
	ck_assert_uint_eq(lines, count);
}

/* A disk that has room again: nothing is torn, and what need not be lost is not. */
START_TEST(a_full_disk_is_tried_again)
{
	char path[] = "/tmp/spanflow-outlet-XXXXXX";

	signal(SIGXFSZ, SIG_IGN);
	for (unsigned waits = 0; waits < 2; waits++) {
		int fd = mkstemp(path), none;
		struct sf_outlet outlet;

		ck_assert_int_eq(ftruncate(fd, 0), 0);
		sf_outlet_init(&outlet, fd, waits, false);
		for (unsigned i = 0; i < 1000; i++)
			append_line(&outlet, i);
		limit_files(50050);
		if (waits)
			sf_outlet_write(&outlet);
		else
			ck_assert_int_eq(sf_outlet_pump(&outlet, 1, &none), outlet.again_ns);
		limit_files(RLIM_INFINITY);
		ck_assert_int_eq(outlet.error, -EFBIG);
		ck_assert(!outlet.gone);
		ck_assert_int_ge(outlet.again_ns, sf_clock_read(CLOCK_MONOTONIC));
		outlet.again_ns = 0; /* the second is over */
		append_line(&outlet, 1000);
		if (waits)
			sf_outlet_write(&outlet);
		else
			ck_assert_int_eq(sf_outlet_pump(&outlet, 1, &none), 1);
		ck_assert_int_eq(outlet.error, 0);
		ck_assert(sf_outlet_empty(&outlet));
		ck_assert_uint_eq(outlet.sent.flows.records + outlet.lost.flows.records, 1001);
		ck_assert_int_eq(outlet.lost.flows.records != 0, waits);
		check_lines(path, (unsigned)outlet.sent.flows.records);
		sf_outlet_fini(&outlet);
		close(fd);
		unlink(path);
		memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	}
}
END_TEST

CHECK_MAIN("outlet", a_pipe_that_is_full_is_not_waited_for, a_reader_who_goes_does_not_come_back,
	a_full_disk_is_tried_again);
