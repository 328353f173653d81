/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that are read again, and tables that are exchanged while they are read. */
#include <pthread.h>
#include <stdatomic.h>

#include "enrich_support.h"

START_TEST(a_damaged_file_keeps_the_old_routes)
{
	const char *path = write_text("again", "192.0.2.0/24 64500");
	struct sf_enrich *enrich = new_enrich(&path, 1);
	struct sf_extra extra;
	char text[600];

	write_text("again", "192.0.2.0/24 64501");
	reload(enrich, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "read again: 1 IPv4 and 0 IPv6 prefixes"));
	enrich_one(enrich, &extra);
	ck_assert_uint_eq(extra.side[0].as, 64501);
	write_text("again", "192.0.2.0/24 64502\n192.0.2.0/99 1");
	reload(enrich, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, ":2:11: the prefix length is '99'"));
	ck_assert_ptr_nonnull(strstr(text, "what was read before stays in use"));
	enrich_one(enrich, &extra);
	ck_assert_uint_eq(extra.side[0].as, 64501);
	unlink(path);
	reload(enrich, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "No such file"));
	enrich_one(enrich, &extra);
	ck_assert_uint_eq(extra.side[0].as, 64501);
	sf_enrich_free(enrich);
}
END_TEST

struct reader {
	struct sf_enrich *enrich;
	atomic_bool stop;
	unsigned batches;
};

/* All records of a batch see the same table, with both sides' facts and next hops. */
static void *read_batches(void *context)
{
	struct reader *reader = context;
	const struct sf_enricher *enricher = sf_enrich_enricher(reader->enrich);
	struct sf_flow flows[64];
	struct sf_extra extra[64];

	for (unsigned i = 0; i < 64; i++)
		flows[i] = flow_of(i);
	while (!atomic_load(&reader->stop) || reader->batches < 100) {
		enricher->begin(enricher->context, flows, 64, extra);
		for (unsigned i = 0; i < 64; i++) {
			ck_assert_uint_eq(extra[i].side[0].as, extra[0].side[0].as);
			ck_assert_uint_eq(extra[i].side[1].as, extra[0].side[0].as + 1);
			ck_assert_uint_eq(extra[i].side[1].next_hop[3], extra[0].side[0].as % 7);
		}
		enricher->end(enricher->context);
		reader->batches++;
	}
	return NULL;
}

START_TEST(tables_are_exchanged_while_they_are_read)
{
	const char *path = write_text("race", "192.0.2.0/24 7\n198.51.100.0/24 8 10.0.0.0");
	struct reader reader = { .enrich = new_enrich(&path, 1) };
	char text[600];
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, read_batches, &reader), 0);
	for (unsigned as = 8; as < 60; as++) {
		snprintf(text, sizeof(text), "192.0.2.0/24 %u\n198.51.100.0/24 %u 10.0.0.%u", as,
			as + 1, as % 7);
		write_text("race", text);
		reload(reader.enrich, text, sizeof(text));
		ck_assert_ptr_nonnull(strstr(text, "read again"));
	}
	atomic_store(&reader.stop, true);
	pthread_join(thread, NULL);
	sf_enrich_free(reader.enrich);
	unlink(path);
}
END_TEST

START_TEST(a_damaged_map_keeps_the_old_one)
{
	const char *path = write_text("map", "ingress 7\ninterface 7 name=seven");
	const struct sf_enricher *enricher;
	struct sf_interface_info info;
	struct sf_enrich *enrich;
	struct sf_extra extra;
	char text[600];

	ck_assert_int_eq(
		sf_enrich_new(&enrich, &(struct sf_enrich_options){ .map = path }, &error), 0);
	enricher = sf_enrich_enricher(enrich);
	enrich_one(enrich, &extra);
	ck_assert_uint_eq(extra.way[0].ingress, 7);
	ck_assert_str_eq(extra.way[0].ingress_info->name, "seven");
	ck_assert_str_eq(sf_enrich_path(enrich, 0), path);
	write_text(
		"map", "ingress 8\ninterface 8 name=eight\ninterface 9 name=nine\negress 9 mpls=1");
	reload(enrich, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "read again: interfaces: 2, rules: 2; conditions of"));
	enrich_one(enrich, &extra);
	ck_assert_str_eq(extra.way[0].ingress_info->name, "eight");
	write_text("map", "ingress eight");
	reload(enrich, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, ":1:9: the interface is 'eight'"));
	ck_assert_ptr_nonnull(strstr(text, "stays in use"));
	ck_assert(enricher->interface(enricher->context, 1, &info));
	ck_assert_str_eq(info.name, "nine");
	ck_assert(!enricher->interface(enricher->context, 2, &info));
	sf_enrich_free(enrich);
	unlink(path);
}
END_TEST

/* Without waiting for a long file, until sf_enrich_look() has it read. */
START_TEST(long_files_are_read_in_the_background)
{
	static const uint8_t hop[] = { 203, 0, 113, 1 };
	static const uint32_t as_path[] = { 64499, 64500 };
	struct buffer file = { .length = 0 }, record = { .length = 0 };
	struct sf_enrich *enrich;
	struct sf_extra extra;
	const char *path;
	char text[600];

	put(&record, "\0\0\0\0\x18\xc0\x00\x02\0\x01", 10); /* 192.0.2.0/24 */
	put_entry(&record, as_path, 2, false, hop, 4);
	put_record(&file, 13, 2, &record);
	for (unsigned damaged = 0; damaged < 2; damaged++) {
		path = write_file("mrt", file.bytes, file.length - damaged);
		ck_assert_int_eq(
			sf_enrich_new(&enrich,
				&(struct sf_enrich_options){
					.sources = &path, .source_count = 1, .patient = true },
				&error),
			0);
		ck_assert_uint_eq(sf_enrich_enricher(enrich)->gives,
			SF_EXTRA_AS | SF_EXTRA_BGP_NEXT_HOP | SF_EXTRA_PREFIX_LENGTH);
		enrich_one(enrich, &extra);
		ck_assert_uint_eq(extra.side[0].as, 0);
		while (!sf_enrich_look(enrich, text, sizeof(text)))
			usleep(200);
		ck_assert_msg(strstr(text, damaged ? "; records go without it"
						   : ": read: 1 IPv4") != NULL,
			"%s", text);
		enrich_one(enrich, &extra);
		ck_assert_uint_eq(extra.side[0].as, damaged ? 0 : 64500);
		sf_enrich_free(enrich);
	}
	unlink(path);
}
END_TEST

static unsigned lent_port(void *of, unsigned slot, uint32_t *number, const char **name)
{
	(void)of;
	*number = 3;
	*name = "eth3";
	return slot < 1;
}

/* Names of ports are known to each new map, whatever memory it lies in. */
START_TEST(a_new_map_knows_the_ports)
{
	const char *path = write_text("ports", "ingress 7 port=eth3");
	const struct sf_enricher *enricher;
	struct sf_flow flow = flow_of(1);
	struct sf_enrich *enrich;
	struct sf_extra extra;
	char text[600];

	flow.half[0].ingress = 3;
	ck_assert_int_eq(
		sf_enrich_new(&enrich, &(struct sf_enrich_options){ .map = path }, &error), 0);
	enricher = sf_enrich_enricher(enrich);
	enricher->ports(enricher->context, lent_port, NULL);
	for (unsigned i = 0; i < 8; i++) {
		enricher->begin(enricher->context, &flow, 1, &extra);
		enricher->end(enricher->context);
		ck_assert_uint_eq(extra.way[0].ingress, 7);
		/* two in a row: the second may lie where the one lay that was used last */
		reload(enrich, text, sizeof(text));
		reload(enrich, text, sizeof(text));
	}
	sf_enrich_free(enrich);
	unlink(path);
}
END_TEST

CHECK_MAIN("enrich_reload", long_files_are_read_in_the_background, a_new_map_knows_the_ports,
	a_damaged_file_keeps_the_old_routes, tables_are_exchanged_while_they_are_read,
	a_damaged_map_keeps_the_old_one)
