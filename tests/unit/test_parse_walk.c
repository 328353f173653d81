/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Properties of the parser over all packets of pcaps/, and of a part of ../shared/pcaps where
 * that is there: all ways through the parser agree, and a packet cut off anywhere, flush against
 * a page that cannot be read, neither faults nor reports what was not seen whole.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "capture_read.h"
#include "check_main.h"

#include "parse/walk.h"

/* Readable bytes in front of a page that is not. */
static struct {
	uint8_t *end;
	size_t size;
} room;

static void room_make(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *p;

	room.size = 512 * 1024;
	p = mmap(
		NULL, room.size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	room.end = p + room.size;
	ck_assert_int_eq(mprotect(room.end, page, PROT_NONE), 0);
}

/* An assertion that costs nothing while it holds: there are millions of them. */
#define same(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			ck_abort_msg("%s", #condition);                                            \
	} while (0)

#include "parse_contract.h"

/*
 * The first `length` octets of the packet, by both ways through the parser; `inside`: tunnels open.
 */
static int parse_cut(
	const struct sf_packet *packet, uint32_t length, bool inside, struct sf_facts *facts)
{
	struct sf_packet cut = *packet;
	int result;

	cut.captured = length;
	cut.wire = packet->wire > packet->captured ? packet->wire : packet->captured;
	cut.data = room.end - length;
	memcpy(room.end - length, packet->data, length);
	memset(facts, 0, sizeof(*facts));
	if (inside)
		return parse_inside(&cut, facts);
	result = sf_parse(&cut, facts);
	check_ways(&cut, result, facts);
	return result;
}

static void cut_at_each_length(const struct sf_packet *packet, uint32_t longest, bool inside)
{
	struct sf_facts whole, facts;
	int result = parse_cut(packet, packet->captured, inside, &whole);

	for (uint32_t length = 0; length < packet->captured && length <= longest; length++) {
		int part = parse_cut(packet, length, inside, &facts);

		if (inside)
			check_part_inside(part, &facts, result, &whole);
		else
			check_part(part, &facts, result, &whole);
	}
}

static void cut_packet(const struct sf_packet *packet, uint32_t longest)
{
	if (packet->captured > room.size)
		return;
	cut_at_each_length(packet, longest, false);
	cut_at_each_length(packet, longest, true);
}

struct visited {
	unsigned packets, of_file;
};

static void visit_own(const struct sf_packet *packet, void *context)
{
	struct visited *visited = context;

	visited->packets++;
	cut_packet(packet, UINT32_MAX);
}

START_TEST(own_captures_at_every_length)
{
	struct visited visited = { 0 };

	room_make();
	captures_read(OWN_CAPTURES, "README.md", visit_own, &visited);
	ck_assert_uint_gt(visited.packets, 1000);
}
END_TEST

/* The first packets of a file at each length, the others whole. */
static void visit_real(const struct sf_packet *packet, void *context)
{
	struct visited *visited = context;
	struct sf_facts facts;

	if (visited->of_file++ < 50)
		cut_packet(packet, 300);
	else if (packet->captured <= room.size)
		parse_cut(packet, packet->captured, false, &facts);
	visited->packets++;
}

static void visit_row(const char *file, char **fields, void *context)
{
	struct visited *visited = context;

	(void)fields;
	visited->of_file = 0;
	capture_read(file, visit_real, visited);
}

START_TEST(real_captures_in_part)
{
	struct visited visited = { 0 };

	room_make();
	if (reference_rows(30, visit_row, &visited) == 0)
		printf("skipped: no %s\n", real_captures());
	else
		ck_assert_uint_gt(visited.packets, 10000);
}
END_TEST

CHECK_MAIN("parse_walk", own_captures_at_every_length, real_captures_in_part)
