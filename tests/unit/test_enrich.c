/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of routes, and what records get from them. */
#include <arpa/inet.h>

#include <spanflow/error.h>

#include "enrich/enrich.h"
#include "enrich/load.h"
#include "enrich_support.h"

/* ---------------------------------------------------------------- what a file says */

static struct sf_routes *read_routes(const char *path)
{
	struct sf_routes *routes = NULL;

	memset(&error, 0, sizeof(error));
	ck_assert_msg(sf_load_file(&routes, path, &error) == 0, "%s", error.text);
	return routes;
}

static const struct sf_route *find(const struct sf_routes *routes, const char *text)
{
	bool ipv6 = strchr(text, ':') != NULL;
	struct sf_lpm_address key;
	uint8_t address[16] = { 0 };
	uint32_t value;

	ck_assert_int_eq(inet_pton(ipv6 ? AF_INET6 : AF_INET, text, address), 1);
	key = (struct sf_lpm_address){ sf_load_be64(address), sf_load_be64(address + 8) };
	sf_lpm_find(routes->lpm, ipv6, &key, &value, 1);
	return &routes->routes[value];
}

/* "64500 24 DE 203.0.113.1 192.0.2.1": AS, length, country, next hop, BGP next hop. */
static const char *facts(const struct sf_routes *routes, const char *text)
{
	static char words[200];
	const struct sf_route *route = find(routes, text);
	const struct sf_hops *hops = &routes->hops[route->hops];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;
	char next[64], bgp[64];

	snprintf(words, sizeof(words), "%u %u %.2s %s %s", route->as, route->length,
		route->country[0] ? route->country : "--",
		inet_ntop(family, hops->next, next, sizeof(next)),
		inet_ntop(family, hops->bgp, bgp, sizeof(bgp)));
	return words;
}

START_TEST(text_is_read)
{
	/* with the mark that editors of other systems begin a text with */
	const char *path = write_text("t", "\xef\xbb\xbf"
					   "# a comment\n\n"
					   "192.0.2.0/24\t64500 203.0.113.1 DE\r\n"
					   "192.0.2.128/25,AS64501,-,198.51.100.9\n"
					   "  0.0.0.0/0 - 203.0.113.9 ; the rest\n"
					   "198.51.100.7 1.10 FR\n"
					   "2001:db8::/32 as64502 2001:db8::1 2001:db8::2 NL");
	struct sf_routes *routes = read_routes(path);

	ck_assert_str_eq(facts(routes, "192.0.2.1"), "64500 24 DE 203.0.113.1 0.0.0.0");
	ck_assert_str_eq(facts(routes, "192.0.2.200"), "64501 25 -- 0.0.0.0 198.51.100.9");
	ck_assert_str_eq(facts(routes, "10.0.0.1"), "0 0 -- 203.0.113.9 0.0.0.0");
	ck_assert_str_eq(facts(routes, "198.51.100.7"), "65546 32 FR 0.0.0.0 0.0.0.0");
	ck_assert_str_eq(facts(routes, "2001:db8::5"), "64502 32 NL 2001:db8::1 2001:db8::2");
	ck_assert_str_eq(facts(routes, "2001:db9::5"), "0 0 -- :: ::");
	ck_assert_uint_eq(routes->gives, 0x1f);
	sf_routes_free(routes);
	unlink(path);
}
END_TEST

START_TEST(mistakes_in_text_name_the_place)
{
	static const struct {
		const char *text, *place;
	} cases[] = {
		{ "1.2.3.0/24 1\n1.2.3.0/33 1", ":2:9: the prefix length is '33'" },
		{ "1.2.3.0/24", ":1:1: the last word" },
		{ "1.2.3/24 1", ":1:1: the prefix is '1.2.3'" },
		{ "::/129 1", ":1:4: the prefix length" },
		{ "\xef\xbb\xbf::/129 1", ":1:4: the prefix length" },
		{ "::/ 1", ":1:4: the prefix length" },
		{ "1.2.3.4 4294967296", ":1:9: the AS number" },
		{ "1.2.3.4 1.65536", ":1:9: the AS number" },
		{ "1.2.3.4 1 ::1", ":1:11: the next hop is '::1'" },
		{ "1.2.3.4 1 1.1.1.1 2.2.2.2 3.3.3.3", ":1:27: a further word" },
		{ "1.2.3.4 1 DE 1.1.1.1 2.2.2.2 x y", ":1:32: a further word" },
		{ "# nothing\n", ": there is no prefix" },
		{ "", ": there is no prefix" },
	};
	struct sf_routes *routes;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *path = write_text("bad", cases[i].text);

		ck_assert_int_eq(sf_load_file(&routes, path, &error), SF_ECORRUPT);
		ck_assert_msg(strstr(error.text, cases[i].place) != NULL, "%s: %s", cases[i].text,
			error.text);
		unlink(path);
	}
	ck_assert_int_eq(sf_load_file(&routes, "/nonexistent/routes", &error), -ENOENT);
	ck_assert_int_eq(sf_load_file(&routes, "/", &error), -EINVAL);
}
END_TEST

static void make_mrt(struct buffer *file)
{
	static const uint8_t hop4[] = { 203, 0, 113, 1 }, other[] = { 203, 0, 113, 2 };
	static const uint8_t hop6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
	static const uint32_t longer[] = { 64496, 64497, 64498 }, shorter[] = { 64499, 64500 };
	struct buffer record = { .length = 0 };

	file->length = 0;
	put(&record, "\xc0\x00\x02\x01\x00\x00\x00\x00", 8); /* peer index table: no peers */
	put_record(file, 13, 1, &record);
	record.length = 0;
	put(&record, "\0\0\0\0\x18\xc0\x00\x02\0\x02", 10); /* 192.0.2.0/24, two entries */
	put_entry(&record, longer, 3, false, hop4, 4);
	put_entry(&record, shorter, 2, false, other, 4);
	put_record(file, 13, 2, &record);
	record.length = 0;
	put(&record, "\0\0\0\1\x19\xc0\x00\x02\x80\0\x01",
		11); /* its second half, path ends with a set */
	put_entry(&record, shorter, 2, true, hop4, 4);
	put_record(file, 13, 2, &record);
	record.length = 0;
	put(&record, "\0\0\0\2\x20\x20\x01\x0d\xb8\0\x01", 11); /* 2001:db8::/32 */
	put_entry(&record, longer, 3, false, hop6, 16);
	put_record(file, 13, 4, &record);
	record.length = 0;
	put(&record, "something else", 14);
	put_record(file, 16, 4, &record);
}

static void check_mrt(const char *path)
{
	struct sf_routes *routes = read_routes(path);

	ck_assert_str_eq(facts(routes, "192.0.2.1"), "64500 24 -- 0.0.0.0 203.0.113.2");
	ck_assert_str_eq(facts(routes, "192.0.2.129"), "0 25 -- 0.0.0.0 203.0.113.1");
	ck_assert_str_eq(facts(routes, "2001:db8::9"), "64498 32 -- :: 2001:db8::1");
	sf_routes_free(routes);
}

START_TEST(mrt_dumps_are_read)
{
	static const char *const packers[] = {
#ifdef HAVE_ZLIB
		"gzip",
#endif
#ifdef HAVE_BZIP2
		"bzip2",
#endif
#ifdef HAVE_LZMA
		"xz",
#endif
#ifdef HAVE_ZSTD
		"zstd -q",
#endif
		"cat",
	};
	struct buffer file;
	const char *path;
	char command[200], packed[140];

	make_mrt(&file);
	path = write_file("mrt", file.bytes, file.length);
	check_mrt(path);
	for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
		snprintf(packed, sizeof(packed), "%s.packed", path);
		snprintf(command, sizeof(command), "%s -c <%s >%s 2>/dev/null", packers[i], path,
			packed);
		/* a program that is not installed is no failure */
		if (system(command) == 0)
			check_mrt(packed);
	}
	unlink(packed);
	unlink(path);
}
END_TEST

START_TEST(damaged_mrt_dumps_are_refused)
{
	struct buffer file;
	struct sf_routes *routes;
	unsigned whole = 0;

	make_mrt(&file);
	/* cut anywhere but between two records it is an error, and never more than that */
	for (size_t length = 12; length < file.length; length++) {
		const char *path = write_file("cut", file.bytes, length);

		if (sf_load_file(&routes, path, &error) == 0) {
			whole++;
			sf_routes_free(routes);
		}
		unlink(path);
	}
	ck_assert_uint_eq(whole, 3);
	/* the file is read to the end with any byte changed */
	for (size_t at = 0; at < file.length; at++) {
		const char *path;

		file.bytes[at] ^= 0xff;
		path = write_file("flip", file.bytes, file.length);
		if (sf_load_file(&routes, path, &error) == 0)
			sf_routes_free(routes);
		file.bytes[at] ^= 0xff;
		unlink(path);
	}
}
END_TEST

/* 192.0.2.0/24: AS and country as GeoLite2 has them; 2001:db8::/32: country_code; an alias. */
static void make_mmdb(struct mmdb *mmdb)
{
	static const uint8_t ipv4[16] = { [12] = 192, 0, 2 };
	static const uint8_t ipv6[16] = { 0x20, 1, 0xd, 0xb8 }, sixtofour[16] = { 0x20, 2 };
	uint32_t node = 0, first, pointer;

	mmdb_init(mmdb);
	pointer = (uint32_t)mmdb->data.length;
	mmdb_string(&mmdb->data, "DE");
	first = (uint32_t)mmdb->data.length;
	put(&mmdb->data, "\xe3", 1); /* a map of three */
	mmdb_string(&mmdb->data, "names");
	put(&mmdb->data, "\xe1", 1);
	mmdb_string(&mmdb->data, "en");
	mmdb_string(&mmdb->data, "Germany");
	mmdb_string(&mmdb->data, "autonomous_system_number");
	mmdb_uint(&mmdb->data, 64500, 6, 4);
	mmdb_string(&mmdb->data, "country");
	put(&mmdb->data, "\xe1", 1);
	mmdb_string(&mmdb->data, "iso_code");
	put_number(&mmdb->data, 0x20, 1); /* a pointer */
	put_number(&mmdb->data, pointer, 1);
	mmdb_add(mmdb, ipv4, 96 + 24, MMDB_DATA | first);
	first = (uint32_t)mmdb->data.length;
	put(&mmdb->data, "\xe2", 1);
	mmdb_string(&mmdb->data, "country_code");
	mmdb_string(&mmdb->data, "FR");
	mmdb_string(&mmdb->data, "asn");
	mmdb_string(&mmdb->data, "AS64501");
	mmdb_add(mmdb, ipv6, 32, MMDB_DATA | first);
	for (unsigned i = 0; i < 96; i++)
		node = mmdb->nodes[node][0];
	mmdb_add(mmdb, sixtofour, 16, node);
}

START_TEST(mmdb_files_are_read)
{
	static const unsigned sizes[] = { 24, 28, 32 };
	struct mmdb mmdb;
	struct buffer file;

	make_mmdb(&mmdb);
	for (unsigned i = 0; i < 3; i++) {
		struct sf_routes *routes;
		const char *path;

		mmdb_finish(&mmdb, sizes[i], 6, &file);
		path = write_file("mmdb", file.bytes, file.length);
		routes = read_routes(path);
		ck_assert_str_eq(facts(routes, "192.0.2.77"), "64500 0 DE 0.0.0.0 0.0.0.0");
		ck_assert_str_eq(facts(routes, "192.0.3.0"), "0 0 -- 0.0.0.0 0.0.0.0");
		ck_assert_str_eq(facts(routes, "2001:db8:9::"), "64501 0 FR :: ::");
		ck_assert_str_eq(facts(routes, "2002:c000:0201::"), "0 0 -- :: ::");
		ck_assert_uint_eq(routes->ipv4_count + routes->ipv6_count, 2);
		sf_routes_free(routes);
		unlink(path);
	}
}
END_TEST

START_TEST(damaged_mmdb_files_are_refused)
{
	struct sf_routes *routes;
	struct mmdb mmdb;
	struct buffer file;
	const char *path;

	make_mmdb(&mmdb);
	mmdb_finish(&mmdb, 24, 6, &file);
	for (size_t length = 0; length < file.length; length += 7) {
		path = write_file("cut", file.bytes, length);
		ck_assert_int_lt(sf_load_file(&routes, path, &error), 0);
		unlink(path);
	}
	for (size_t at = 0; at < file.length; at++) {
		file.bytes[at] ^= 0x5f;
		path = write_file("flip", file.bytes, file.length);
		if (sf_load_file(&routes, path, &error) == 0)
			sf_routes_free(routes);
		file.bytes[at] ^= 0x5f;
		unlink(path);
	}
	/* a tree that is a loop */
	mmdb.nodes[5][0] = 0;
	mmdb_finish(&mmdb, 24, 6, &file);
	path = write_file("loop", file.bytes, file.length);
	ck_assert_int_eq(sf_load_file(&routes, path, &error), SF_ECORRUPT);
	unlink(path);
}
END_TEST

/* ---------------------------------------------------------------- records */

START_TEST(the_first_source_that_knows_a_fact_gives_it)
{
	const char *one = write_text("one", "192.0.2.0/24 64500\n198.51.100.0/24 - NL");
	const char *two =
		write_text("two", "192.0.0.0/16 64501 DE\n0.0.0.0/0 64502 203.0.113.1 FR");
	const char *sources[2] = { one };
	char limited[200];
	struct sf_enrich *enrich;
	struct sf_extra extra;

	snprintf(limited, sizeof(limited), "%s,what=country+as", two);
	sources[1] = limited;
	enrich = new_enrich(sources, 2);
	ck_assert_uint_eq(sf_enrich_enricher(enrich)->gives,
		SF_EXTRA_AS | SF_EXTRA_COUNTRY | SF_EXTRA_PREFIX_LENGTH);
	enrich_one(enrich, &extra);
	ck_assert_uint_eq(extra.side[0].as, 64500);
	ck_assert_uint_eq(extra.side[1].as, 64502);
	ck_assert_int_eq(memcmp(extra.side[0].country, "DE", 2), 0);
	ck_assert_int_eq(memcmp(extra.side[1].country, "NL", 2), 0);
	ck_assert_uint_eq(extra.side[0].prefix_length, 24);
	ck_assert_int_eq(extra.side[0].next_hop[0], 0);
	sf_enrich_free(enrich);
	unlink(one);
	unlink(two);
}
END_TEST

static int try_source(const char *source)
{
	struct sf_enrich *enrich;

	return sf_enrich_new(&enrich,
		&(struct sf_enrich_options){ .sources = &source, .source_count = 1 }, &error);
}

START_TEST(sources_that_make_no_sense)
{
	ck_assert_int_eq(try_source("x,what=as+asn"), SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "what= has 'asn' (allowed: as, hop,"));
	ck_assert_int_eq(try_source("fib,x=1"), SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "fib,x=1: unknown option 'x' (allowed: what)"));
	ck_assert_int_eq(try_source("fib,country"), SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "unknown option 'country' (allowed: what)"));
	ck_assert_int_eq(try_source("routes.txt,only=as"), SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "unknown option 'only'"));
	ck_assert_int_eq(try_source("x,what=as,what=hop"), SF_EUSAGE);
	ck_assert_int_eq(try_source(",what=as"), SF_EUSAGE);
	/* a path may have commas */
	ck_assert_int_eq(try_source("/none,1.txt"), -ENOENT);
	ck_assert_int_eq(try_source(""), SF_EUSAGE);
	ck_assert_int_eq(try_source("/none"), -ENOENT);
}
END_TEST

START_TEST(the_kernel_has_routes)
{
	const char *fib = "fib";
	struct sf_enrich *enrich = NULL;
	struct sf_extra extra;
	char text[600];

	if (sf_enrich_new(&enrich,
		    &(struct sf_enrich_options){ .sources = &fib, .source_count = 1 },
		    &error) < 0) {
		printf("skipped: %s\n", error.text);
		return;
	}
	enrich_one(enrich, &extra);
	ck_assert_str_eq(sf_enrich_path(enrich, 0), "");
	ck_assert_ptr_null(sf_enrich_path(enrich, 1));
	ck_assert(!sf_enrich_look(enrich, text, sizeof(text)));
	sf_enrich_free(enrich);
}
END_TEST

CHECK_MAIN("enrich", text_is_read, mistakes_in_text_name_the_place, mrt_dumps_are_read,
	damaged_mrt_dumps_are_refused, mmdb_files_are_read, damaged_mmdb_files_are_refused,
	the_first_source_that_knows_a_fact_gives_it, sources_that_make_no_sense,
	the_kernel_has_routes)
