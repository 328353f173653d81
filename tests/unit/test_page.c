/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of the page: answers, sums of rows that are too many, addresses that are replaced. */
#include <string.h>

#include "base/element_id.h"
#include "check_main.h"
#include "report/internal.h"

static struct sf_page *new_page(unsigned most_rows)
{
	const struct sf_page_options options = { .most_rows = most_rows };
	struct sf_error error = { 0 };
	struct sf_page *page = NULL;

	ck_assert_int_eq(sf_page_new(&page, &options, &error), 0);
	return page;
}

/* A flow of one direction between 10.a and 192.0.2.b. */
static void add(struct sf_page *page, bool answer, uint16_t a, uint8_t b, uint16_t client,
	uint16_t server, int64_t start_ms)
{
	struct sf_collected record = { .exporter = "test",
		.known = { ~(SF_KNOWN_FLOWS | SF_KNOWN_PREFIX), ~SF_KNOWN_PREFIX } };
	struct sf_flow *flow = &record.flow;
	const uint8_t near[4] = { 10, 0, (uint8_t)(a >> 8), (uint8_t)a }, far[4] = { 192, 0, 2, b };

	flow->ip_version = 4;
	flow->protocol = 6;
	memcpy(flow->addr[answer], near, 4);
	memcpy(flow->addr[!answer], far, 4);
	flow->port[answer] = client;
	flow->port[!answer] = server;
	flow->half[0] = (struct sf_flow_half){ .packets = 2,
		.octets = 100,
		.start_ns = start_ms * 1000000,
		.end_ns = (start_ms + 5) * 1000000 };
	ck_assert_int_eq(sf_page_add(page, &record, SF_FORWARD), 0);
}

START_TEST(test_answers_stand_behind_requests)
{
	struct sf_page *page = new_page(0);

	add(page, true, 1, 1, 5000, 80, 12); /* an answer that comes before its request's record */
	add(page, false, 2, 1, 6000, 8080, 11); /* nobody answers */
	add(page, false, 1, 1, 5000, 80, 10);
	add(page, false, 3, 1, 7000, 9000, 20); /* no well-known port: who was first asked */
	add(page, true, 3, 1, 7000, 9000, 21);
	ck_assert_int_eq(sf_page_pair(page), 0);
	ck_assert_uint_eq(page->count, 5);
	ck_assert_int_eq(page->rows[0].role, SF_ROLE_REQUEST);
	ck_assert(page->rows[0].first && page->rows[1].second);
	ck_assert_int_eq(page->rows[1].role, SF_ROLE_ANSWER);
	ck_assert_uint_eq(page->rows[1].sport, 80);
	ck_assert_int_eq(page->rows[2].role, SF_ROLE_UNANSWERED);
	ck_assert_int_eq(page->rows[3].role, SF_ROLE_REQUEST);
	ck_assert_uint_eq(page->rows[3].dport, 9000);
	ck_assert_int_eq(page->rows[4].role, SF_ROLE_ANSWER);
	sf_page_free(page);
}
END_TEST

static void sums(const struct sf_page *page, uint64_t *flows, uint64_t *bytes)
{
	*flows = *bytes = 0;
	for (uint32_t i = 0; i < page->count; i++) {
		*flows += page->rows[i].flows;
		*bytes += page->rows[i].bytes;
	}
}

START_TEST(test_sums_are_exact)
{
	/* ports and times differ, then hosts as well: each needs a coarser level */
	for (unsigned hosts = 1; hosts <= 20000; hosts *= 200) {
		struct sf_page *page = new_page(500);
		uint64_t flows, bytes;
		char text[256];

		for (uint32_t i = 0; i < 20000; i++)
			add(page, i & 1, (uint16_t)(i % hosts), (uint8_t)(i % 7),
				(uint16_t)(1024 + i), 443, 40 * (int64_t)i);
		ck_assert_int_eq(sf_page_pair(page), 0);
		ck_assert_int_eq(sf_page_reduce(page, 500), 0);
		ck_assert_uint_le(page->count, 500);
		ck_assert_uint_gt(page->level_number, 0);
		sums(page, &flows, &bytes);
		ck_assert_uint_eq(flows, 20000);
		ck_assert_uint_eq(bytes, 2000000);
		sf_page_level_text(page, text, sizeof(text));
		ck_assert_ptr_nonnull(strstr(text, "flows of"));
		sf_page_free(page);
	}
}
END_TEST

static unsigned common_bits(const uint8_t *a, const uint8_t *b)
{
	unsigned bits = 0;

	while (bits < 32 && ((a[bits / 8] ^ b[bits / 8]) & 0x80 >> bits % 8) == 0)
		bits++;
	return bits;
}

START_TEST(test_networks_stay_together)
{
	struct sf_hash_key key;
	unsigned changed = 0;

	ck_assert_int_eq(sf_hash_key_random(&key), 0);
	for (unsigned i = 0; i < 1000; i++) {
		const uint8_t a[4] = { 10, (uint8_t)(i >> 4), (uint8_t)(37 * i), (uint8_t)i };
		const uint8_t b[4] = { 10, (uint8_t)(i >> 5), (uint8_t)(91 * i), (uint8_t)(3 * i) };
		uint8_t x[4], y[4];

		sf_page_anonymize(&key, a, 4, x);
		sf_page_anonymize(&key, b, 4, y);
		ck_assert_uint_eq(common_bits(a, b), common_bits(x, y));
		changed += memcmp(a, x, 4) != 0;
	}
	ck_assert_uint_gt(changed, 900);
}
END_TEST

/*
 * The findings of a page leave out traffic to multicast addresses, so hosts must not become such.
 */
START_TEST(test_multicast_stays_multicast)
{
	for (uint64_t seed = 0; seed < 64; seed++) {
		const struct sf_hash_key key = { { seed, seed * 7919 } };

		for (unsigned first = 0; first < 256; first++) {
			const uint8_t a[16] = { (uint8_t)first, 2, 3, 4 };
			uint8_t x[16];

			sf_page_anonymize(&key, a, 4, x);
			ck_assert_int_eq(x[0] >= 224, first >= 224);
			sf_page_anonymize(&key, a, 16, x);
			ck_assert_int_eq(x[0] == 0xff, first == 0xff);
		}
	}
}
END_TEST

START_TEST(test_a_page_is_as_small_as_asked)
{
	const struct sf_page_options options = { .most_bytes = sf_page_template_size + 20000 };
	struct sf_page *page = NULL;
	struct sf_error error = { 0 };
	FILE *stream = tmpfile();
	uint64_t flows, bytes;

	ck_assert_int_eq(sf_page_new(&page, &options, &error), 0);
	for (uint32_t i = 0; i < 20000; i++)
		add(page, i & 1, (uint16_t)(i % 100), (uint8_t)(i * i % 200),
			(uint16_t)(1024 + 7919 * i), 443, i * i % 100000);
	ck_assert_int_eq(sf_page_write(page, stream, &error), 0);
	ck_assert_int_le(ftell(stream), options.most_bytes);
	ck_assert_int_gt(ftell(stream), sf_page_template_size + 5000);
	sums(page, &flows, &bytes);
	ck_assert_uint_eq(flows, 20000);
	ck_assert_uint_eq(bytes, 2000000);
	fclose(stream);
	sf_page_free(page);
}
END_TEST

/*
 * A record that is the sum of flows between two networks, as sf_collect_networks() leaves it. 32
 * bits: a host.
 */
static void add_folded(
	struct sf_page *page, const uint8_t source[4], uint64_t flows, const uint8_t bits[2])
{
	struct sf_collected record = { .exporter = "test",
		.known = { SF_KNOWN_FLOWS | SF_KNOWN_ADDRESS, SF_KNOWN_ADDRESS },
		.flows = flows };
	struct sf_flow *flow = &record.flow;

	flow->ip_version = 4;
	memcpy(flow->addr[0], source, 4);
	if (bits[1])
		memcpy(flow->addr[1], (const uint8_t[]){ 192, 0, 2, 1 }, 4);
	for (unsigned side = 0; side < 2; side++)
		if (bits[side] < 32) {
			flow->prefix_length[side] = bits[side];
			record.known[side] |= SF_KNOWN_PREFIX;
		}
	flow->half[0].packets = flow->half[0].octets = flows;
	ck_assert_int_eq(sf_page_add(page, &record, SF_FORWARD), 0);
}

static void is_host(
	const struct sf_page *page, uint32_t number, const uint8_t address[4], unsigned bits)
{
	ck_assert_mem_eq(sf_page_host(page, number)->address, address, 4);
	ck_assert_uint_eq(sf_page_host(page, number)->bits, bits);
}

START_TEST(test_folded_records_are_of_prefixes)
{
	const uint8_t near[4] = { 10, 0, 3, 0 }, all[4] = { 0 };
	struct sf_page *page = new_page(0);

	add_folded(page, near, 1000, (const uint8_t[]){ 24, 0 });
	is_host(page, page->rows[0].src, near, 24);
	is_host(page, page->rows[0].dst, all, 0);
	add_folded(page, near, 3, (const uint8_t[]){ 32, 32 });
	is_host(page, page->rows[1].src, near, 32);
	ck_assert_uint_ne(page->rows[0].src, page->rows[1].src);
	ck_assert_uint_eq(sf_page_flows(page), 1003);
	sf_page_free(page);
}
END_TEST

START_TEST(test_sums_of_folded_records)
{
	struct sf_page *page = new_page(100);
	uint64_t flows, bytes;

	for (unsigned i = 0; i < 1000; i++)
		add_folded(page, (const uint8_t[]){ 10, 0, (uint8_t)i, 0 }, UINT64_C(1) << 33,
			(const uint8_t[]){ 24, 32 });
	ck_assert_int_eq(sf_page_pair(page), 0);
	ck_assert_int_eq(sf_page_reduce(page, 100), 0);
	ck_assert_uint_le(page->count, 100);
	sums(page, &flows, &bytes);
	ck_assert_uint_eq(flows, UINT64_C(1000) << 33);
	ck_assert_uint_eq(bytes, flows);
	sf_page_free(page);
}
END_TEST

CHECK_MAIN_UNLESS(sf_page_missing() ? "page in this build" : NULL, "page",
	test_answers_stand_behind_requests, test_sums_are_exact, test_networks_stay_together,
	test_multicast_stays_multicast, test_a_page_is_as_small_as_asked,
	test_folded_records_are_of_prefixes, test_sums_of_folded_records)
