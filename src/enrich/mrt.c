/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MRT dumps of routing tables, RFC 6396 §4.3. A prefix has an entry for each peer that announced
 * it; the one with the shortest AS path counts, and of equally long ones the first. Its origin is
 * the last AS of the path, 0 if the path ends with a set (IANA, bgpSourceAsNumber).
 */
#include <string.h>

#include "base/wire.h"
#include "enrich/load.h"

#define MRT_HEADER    12
#define TABLE_DUMP    12
#define TABLE_DUMP_V2 13
#define RECORD_MAX    (64u << 20) /* a prefix with thousands of peers has some hundred KiB */

enum subtype {
	PEER_INDEX_TABLE = 1,
	RIB_IPV4_UNICAST = 2,
	RIB_IPV6_UNICAST = 4,
	RIB_IPV4_UNICAST_ADDPATH = 8, /* RFC 8050 */
	RIB_IPV6_UNICAST_ADDPATH = 10,
};

#define ATTRIBUTE_AS_PATH  2
#define ATTRIBUTE_NEXT_HOP 3
#define ATTRIBUTE_MP_REACH 14
#define FLAG_EXTENDED      0x10
#define SEGMENT_SET        1
#define SEGMENT_SEQUENCE   2

/* Bytes of a record that are left. */
struct bytes {
	const uint8_t *p, *end;
};

struct path {
	uint32_t origin;
	unsigned length;
	uint8_t next_hop[16];
};

bool sf_mrt_is(const uint8_t *bytes, size_t count)
{
	uint16_t type = count >= MRT_HEADER ? sf_load_be16(bytes + 4) : 0;

	/* BGP4MP, too, so that such a file gets the right message */
	return (type == TABLE_DUMP || type == TABLE_DUMP_V2 || type == 16 || type == 17) &&
	       sf_load_be16(bytes + 6) <= 32;
}

static bool take(struct bytes *bytes, size_t count, const uint8_t **taken)
{
	if ((size_t)(bytes->end - bytes->p) < count)
		return false;
	*taken = bytes->p;
	bytes->p += count;
	return true;
}

/* Segments of 4-byte AS numbers. */
static bool read_as_path(struct bytes value, struct path *path)
{
	const uint8_t *segment, *numbers;

	path->origin = 0;
	path->length = 0;
	while (value.p < value.end) {
		if (!take(&value, 2, &segment) || !take(&value, 4u * segment[1], &numbers))
			return false;
		if (segment[0] == SEGMENT_SEQUENCE && segment[1]) {
			path->length += segment[1];
			path->origin = sf_load_be32(numbers + 4u * (segment[1] - 1u));
		} else if (segment[0] == SEGMENT_SET && segment[1]) {
			path->length++;
			path->origin = 0;
		}
	}
	return true;
}

/* RFC 6396 §4.3.4: only the next hop. Some programs write the attribute as it is in BGP. */
static bool read_mp_reach(struct bytes value, bool ipv6, struct path *path)
{
	const uint8_t *head, *hop;

	if (value.p < value.end && value.p[0] == 0 && !take(&value, 3, &head))
		return false;
	if (!take(&value, 1, &head) || !take(&value, head[0], &hop))
		return false;
	/* a global address, perhaps with a link-local one behind it */
	if (ipv6 && head[0] >= 16)
		memcpy(path->next_hop, hop, 16);
	return true;
}

static bool read_attributes(struct bytes bytes, bool ipv6, struct path *path)
{
	const uint8_t *head, *length, *data;

	memset(path, 0, sizeof(*path));
	while (bytes.p < bytes.end) {
		struct bytes value;
		size_t size;

		if (!take(&bytes, 2, &head) ||
			!take(&bytes, head[0] & FLAG_EXTENDED ? 2 : 1, &length))
			return false;
		size = head[0] & FLAG_EXTENDED ? sf_load_be16(length) : length[0];
		if (!take(&bytes, size, &data))
			return false;
		value = (struct bytes){ data, data + size };
		if (head[1] == ATTRIBUTE_AS_PATH && !read_as_path(value, path))
			return false;
		if (head[1] == ATTRIBUTE_NEXT_HOP && !ipv6 && size == 4)
			memcpy(path->next_hop, data, 4);
		if (head[1] == ATTRIBUTE_MP_REACH && !read_mp_reach(value, ipv6, path))
			return false;
	}
	return true;
}

/* The best of the entries of a prefix. */
static bool read_entries(
	struct bytes *bytes, unsigned count, bool ipv6, bool add_path, struct path *best)
{
	const uint8_t *head, *attributes;
	struct path path;

	for (unsigned i = 0; i < count; i++) {
		size_t size = add_path ? 12 : 8;

		if (!take(bytes, size, &head))
			return false;
		size = sf_load_be16(head + size - 2);
		if (!take(bytes, size, &attributes) ||
			!read_attributes(
				(struct bytes){ attributes, attributes + size }, ipv6, &path))
			return false;
		if (i == 0 || path.length < best->length)
			*best = path;
	}
	return true;
}

/* The prefixes of a record, which is in the window as a whole. */
static int read_rib(struct sf_draft *draft, const struct sf_intake *intake, struct bytes bytes,
	unsigned subtype, struct sf_error *error)
{
	bool add_path = subtype >= RIB_IPV4_UNICAST_ADDPATH;
	bool ipv6 = subtype == RIB_IPV6_UNICAST || subtype == RIB_IPV6_UNICAST_ADDPATH;
	struct sf_route_facts facts = { 0 };
	const uint8_t *head, *prefix, *count;
	uint8_t address[16] = { 0 };
	struct path path = { 0 };
	int code;

	if (!take(&bytes, 5, &head) || head[4] > (ipv6 ? 128 : 32) ||
		!take(&bytes, (head[4] + 7u) / 8, &prefix) || !take(&bytes, 2, &count))
		return sf_load_damaged(intake, "a prefix that does not fit its record", error);
	memcpy(address, prefix, (head[4] + 7u) / 8);
	if (sf_load_be16(count) == 0)
		return 0;
	if (!read_entries(&bytes, sf_load_be16(count), ipv6, add_path, &path))
		return sf_load_damaged(intake, "attributes that do not fit their record", error);
	facts.as = path.origin;
	facts.length = head[4];
	memcpy(facts.hops.bgp, path.next_hop, sizeof(path.next_hop));
	code = sf_draft_add(draft, ipv6, address, head[4], &facts);
	return code < 0 ? sf_load_failed(intake->path, code, error) : 0;
}

static bool is_rib(unsigned type, unsigned subtype)
{
	return type == TABLE_DUMP_V2 &&
	       (subtype == RIB_IPV4_UNICAST || subtype == RIB_IPV6_UNICAST ||
		       subtype == RIB_IPV4_UNICAST_ADDPATH || subtype == RIB_IPV6_UNICAST_ADDPATH);
}

int sf_load_mrt(struct sf_draft *draft, struct sf_intake *intake, struct sf_error *error)
{
	bool any = false;

	for (;;) {
		int code = sf_intake_need(intake, MRT_HEADER, error);
		unsigned type, subtype;
		uint32_t length;

		if (code == 0 && intake->p == intake->end && !any)
			return sf_error_set(error, SF_EUNSUPPORTED,
				"%s: an MRT file without a table of routes (TABLE_DUMP_V2): take "
				"rib.*.bz2 or bview.*.gz, not updates",
				intake->path);
		if (code <= 0)
			return code == 0 && intake->p < intake->end
				       ? sf_load_damaged(intake, "the file was cut", error)
				       : code;
		type = sf_load_be16(intake->p + 4);
		subtype = sf_load_be16(intake->p + 6);
		length = sf_load_be32(intake->p + 8);
		if (length > RECORD_MAX)
			return sf_load_damaged(intake, "a record of impossible length", error);
		code = sf_intake_need(intake, MRT_HEADER + length, error);
		if (code == 0)
			return sf_load_damaged(intake, "the file was cut", error);
		if (code > 0 && is_rib(type, subtype)) {
			const uint8_t *record = intake->p + MRT_HEADER;

			any = true;
			code = read_rib(draft, intake, (struct bytes){ record, record + length },
				subtype, error);
		}
		if (code < 0)
			return code;
		intake->p += MRT_HEADER + length;
	}
}
