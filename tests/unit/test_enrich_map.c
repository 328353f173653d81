/* SPDX-License-Identifier: BSD-2-Clause */
/* The interface map, --egress and --local-net: what they make of records. */
#include <arpa/inet.h>

#include <spanflow/tunnel.h>

#include "base/local.h"
#include "enrich/learn.h"
#include "enrich/map.h"
#include "enrich_support.h"
#include "fact_values.h"

/* ---------------------------------------------------------------- files */

START_TEST(mistakes_name_the_place)
{
	static const struct {
		const char *text, *place;
	} cases[] = {
		{ "# nothing\n\ningres 1",
			":3:1: the first word is 'ingres' (allowed: interface, " },
		{ "ingress", ":1:8: the interface is '' (allowed: number" },
		{ "ingress x", ":1:9: the interface is 'x'" },
		{ "ingress 4294967296", ":1:9: the interface" },
		{ "ingress 1 vlan=4095", ":1:16: vlan is '4095' (allowed: 0 to 4094" },
		{ "ingress 1 vlan", ":1:11: a condition is 'vlan'" },
		{ "ingress 1 mac=02:00:00:00:00:01", ":1:11: a condition is 'mac'" },
		{ "ingress 1 vlan=1 vlan=2",
			":1:18: a condition is 'vlan' (allowed: each condition once" },
		{ "egress 1 source-mac=02:00:00:00:00", ":1:21: source-mac is" },
		{ "egress 1 source-mac=02:00:00:00:00:01:02", ":1:21: source-mac is" },
		{ "egress 1 source-prefix=10.0.0.0/33", ":1:24: source-prefix is" },
		{ "egress 1 source-prefix=10.0.0/8", ":1:24: source-prefix is" },
		{ "egress 1 mpls=1048576", ":1:15: mpls is" },
		{ "egress 1 port=", ":1:15: port is" },
		{ "behind 2 port=eth1",
			":1:1: the rule is 'behind' (allowed: behind NUMBER with mac=" },
		{ "behind 2 source-mac=02:00:00:00:00:01", ":1:10: a condition is 'source-mac'" },
		{ "direction out",
			":1:11: the direction is 'out' (allowed: ingress, egress, erspan)" },
		{ "ingress 1 erspan-session=1024",
			":1:26: erspan-session is '1024' (allowed: 0 to 1023" },
		{ "ingress 1 erspan-direction=in",
			":1:28: erspan-direction is 'in' (allowed: ingress, egress)" },
		{ "ingress 1 vni=16777216", ":1:15: vni is '16777216' (allowed: 0 to 16777215" },
		{ "ingress 1 trailer-port=256", ":1:24: trailer-port is '256'" },
		{ "ingress 1 trailer-device=65536", ":1:26: trailer-device is '65536'" },
		{ "behind 1 trailer=5",
			":1:10: a condition is 'trailer' (allowed: port=, vlan=, inner-vlan=, domain=, "
			"mpls=, erspan-session=, erspan-port=, erspan-direction=, vni=, "
			"trailer-device=, trailer-port=, mac=, prefix=)" },
		{ "direction", ":1:10: the direction is ''" },
		{ "interface 1 name=\"a", ":1:18: the value is '\"a'" },
		{ "interface 1 nam=x", ":1:13: a property is 'nam' (allowed: name=, description=" },
		{ "interface 1 name=a speed=1G name=b",
			":1:29: a property is 'name' (allowed: each property once" },
		{ "\xef\xbb\xbf# the mark of an editor\ningres 1",
			":2:1: the first word is 'ingres'" },
		{ "interface 1 name=\033[31m\xc2\x9b=x\ningress x\033",
			":2:9: the interface is 'x?'" },
		{ "interface 1 speed=fast", ":1:19: the speed is 'fast'" },
		{ "interface 1 name=12345678901234567890123456789012", ":1:18: the name is" },
		{ "interface 1\ninterface 1",
			":2:11: the interface is '1' (allowed: each number once)" },
	};
	struct sf_map *map;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *path = write_text("map", cases[i].text);

		ck_assert_int_eq(sf_map_load(&map, path, &error), SF_ECORRUPT);
		ck_assert_msg(strstr(error.text, cases[i].place) != NULL, "%s: %s", cases[i].text,
			error.text);
		unlink(path);
	}
}
END_TEST

/* Bounds: more rules and interfaces than there may be. */
START_TEST(maps_are_bounded)
{
	static char text[200000];
	const char *path;
	struct sf_map *map;
	char *p = text;

	for (unsigned i = 0; i <= SF_MAP_RULES_MAX; i++)
		p += sprintf(p, "egress %u vlan=1\n", i);
	path = write_text("many", text);
	ck_assert_int_eq(sf_map_load(&map, path, &error), SF_ECORRUPT);
	ck_assert_ptr_nonnull(strstr(error.text, ":1001: more than 1000 rules"));
	p = text;
	for (unsigned i = SF_MAP_INTERFACES_MAX; i; i--)
		p += sprintf(p, "interface %u name=n%u\n", 3 * i, i);
	path = write_text("many", text);
	ck_assert_int_eq(sf_map_load(&map, path, &error), 0);
	for (unsigned i = 1; i <= SF_MAP_INTERFACES_MAX; i++) {
		ck_assert_uint_eq(sf_map_interface(map, 3 * i)->number, 3 * i);
		ck_assert_ptr_null(sf_map_interface(map, 3 * i + 1));
	}
	sf_map_free(map);
	sprintf(p, "interface 1");
	path = write_text("many", text);
	ck_assert_int_eq(sf_map_load(&map, path, &error), SF_ECORRUPT);
	unlink(path);
}
END_TEST

/* ---------------------------------------------------------------- records */

#define PC     "\2\0\0\0\0\x15"
#define ROUTER "\2\0\0\0\0\1"

/* Both directions of a flow of port 3: a host behind 10.1.0.0/16 in VLAN 10, and elsewhere. */
static struct sf_flow a_flow(struct full_annex *annex)
{
	struct sf_flow flow = {
		.ip_version = 4,
		.addr = { { 10, 1, 2, 3 }, { 198, 51, 100, 7 } },
		.directions = SF_FORWARD | SF_REVERSE,
		.has = SF_HAS_VLAN | SF_HAS_MAC | SF_HAS_MPLS,
		.vlan = 10,
		.domain = 5,
		.half = { { .ingress = 3 }, { .ingress = 4 } },
	};

	give_annex(&flow, annex);
	for (unsigned d = 0; d < 2; d++) {
		set_fact(annex, SF_FACT_src_mac, d, d ? ROUTER : PC);
		set_fact(annex, SF_FACT_dst_mac, d, d ? PC : ROUTER);
		set_number(annex, SF_FACT_mpls, d, 100 << 4 | 1);
	}
	return flow;
}

/* Capture ports, as an exporter lends them. */
static unsigned port(void *of, unsigned slot, uint32_t *number, const char **name)
{
	static const char *const names[] = { "eth3", "eth4" };

	(void)of;
	if (slot >= 2)
		return 0;
	*number = 3 + slot;
	*name = names[slot];
	return 1;
}

/* "3>4 0, 4>3 1": ingress>egress direction of both directions. */
static const char *ways(const struct sf_enrich_options *options, const struct sf_flow *flow)
{
	static char words[200];
	const struct sf_enricher *enricher;
	struct sf_enrich *enrich = NULL;
	struct sf_extra extra;

	memset(&error, 0, sizeof(error));
	ck_assert_msg(sf_enrich_new(&enrich, options, &error) == 0, "%s", error.text);
	enricher = sf_enrich_enricher(enrich);
	enricher->ports(enricher->context, port, NULL);
	enricher->begin(enricher->context, flow, 1, &extra);
	snprintf(words, sizeof(words), "%u>%u %u, %u>%u %u", extra.way[0].ingress,
		extra.way[0].egress, extra.way[0].direction, extra.way[1].ingress,
		extra.way[1].egress, extra.way[1].direction);
	enricher->end(enricher->context);
	sf_enrich_free(enrich);
	return words;
}

static const char *mapped(const char *text)
{
	static struct full_annex annex;
	struct sf_flow flow = a_flow(&annex);
	const char *path = write_text("map", text), *words;

	words = ways(&(struct sf_enrich_options){ .map = path }, &flow);
	unlink(path);
	return words;
}

START_TEST(rules_decide)
{
	/* without rules: the capture port, twice; 10/8 is the own network */
	ck_assert_str_eq(mapped("# none"), "3>3 1, 4>4 0");
	ck_assert_str_eq(mapped("ingress 7\n"), "7>7 1, 7>7 0");
	/* the first rule that matches */
	ck_assert_str_eq(mapped("ingress 7 port=4\ningress 8"), "8>8 1, 7>7 0");
	ck_assert_str_eq(mapped("ingress 7 port=eth3\negress 9 port=eth4"), "7>7 1, 4>9 0");
	ck_assert_str_eq(mapped("ingress 7 port=eth5"), "3>3 1, 4>4 0");
	ck_assert_str_eq(mapped("ingress 7 vlan=11\ningress 8 vlan=10"), "8>8 1, 8>8 0");
	ck_assert_str_eq(mapped("ingress 7 vlan=0\ningress 8 inner-vlan=0"), "8>8 1, 8>8 0");
	ck_assert_str_eq(mapped("ingress 7 domain=4\ningress 8 domain=5"), "8>8 1, 8>8 0");
	ck_assert_str_eq(mapped("ingress 7 mpls=101\ningress 8 mpls=100"), "8>8 1, 8>8 0");
	/* all conditions must hold */
	ck_assert_str_eq(
		mapped("ingress 7 port=3 vlan=11\ningress 8 port=3 vlan=10"), "8>8 1, 4>4 0");
	ck_assert_str_eq(mapped("ingress 7 source-mac=02:00:00:00:00:15"), "7>7 1, 4>4 0");
	ck_assert_str_eq(mapped("egress 7 destination-mac=02:00:00:00:00:15"), "3>3 1, 4>7 0");
	ck_assert_str_eq(mapped("egress 7 destination-prefix=198.51.100.0/25"), "3>7 1, 4>4 0");
	ck_assert_str_eq(mapped("egress 7 destination-prefix=198.51.100.128/25"), "3>3 1, 4>4 0");
	ck_assert_str_eq(mapped("egress 7 destination-prefix=::/0"), "3>3 1, 4>4 0");
	/* behind: both ways */
	ck_assert_str_eq(mapped("behind 12 mac=02:00:00:00:00:15\nbehind 11 mac=02:00:00:00:00:01"),
		"12>11 1, 11>12 0");
	ck_assert_str_eq(mapped("behind 12 prefix=10.1.0.0/16\nbehind 11 prefix=0.0.0.0/0"),
		"12>11 1, 11>12 0");
	ck_assert_str_eq(mapped("behind 12 prefix=10.1.0.0/16 port=3"), "12>12 1, 4>4 0");
	/* direction: rules, but never against interfaces of which one is known */
	ck_assert_str_eq(mapped("direction egress port=4"), "3>3 1, 4>4 1");
	ck_assert_str_eq(mapped("direction ingress"), "3>3 0, 4>4 0");
	ck_assert_str_eq(mapped("direction egress\negress 0"), "3>0 0, 4>0 0");
	ck_assert_str_eq(mapped("direction ingress\ningress 0\negress 5"), "0>5 1, 0>5 1");
}
END_TEST

/*
 * The same flow, seen twice by a mirror: its direction 0 came in at port 5, direction 1 went out
 * there.
 */
static const char *mirrored(const char *text, uint8_t known)
{
	static struct full_annex annex;
	struct sf_flow flow = a_flow(&annex);
	const char *path = write_text("map", text), *words;

	for (unsigned d = 0; d < 2; d++) {
		const struct sf_mirror_facts facts = { .id = 100,
			.port = 5,
			.device = 7,
			.device_port = (uint8_t)(8 + d),
			.known = known ? known | (d ? SF_MIRROR_EGRESS : SF_MIRROR_INGRESS) : 0 };

		set_fact(&annex, SF_FACT_mirror, d, &facts);
	}
	words = ways(&(struct sf_enrich_options){ .map = path }, &flow);
	unlink(path);
	return words;
}

START_TEST(conditions_about_the_mirror)
{
	const uint8_t erspan = SF_MIRROR_SESSION | SF_MIRROR_PORT;

	ck_assert_str_eq(mirrored("ingress 7 erspan-session=100", erspan), "7>7 1, 7>7 0");
	ck_assert_str_eq(mirrored("ingress 7 erspan-session=101", erspan), "3>3 1, 4>4 0");
	ck_assert_str_eq(mirrored("ingress 7 erspan-session=100", SF_MIRROR_VNI), "3>3 1, 4>4 0");
	ck_assert_str_eq(mirrored("ingress 7 erspan-session=0", 0), "3>3 1, 4>4 0");
	ck_assert_str_eq(mirrored("ingress 7 erspan-port=5", erspan), "7>7 1, 7>7 0");
	ck_assert_str_eq(mirrored("ingress 7 erspan-port=0", SF_MIRROR_SESSION), "3>3 1, 4>4 0");
	ck_assert_str_eq(mirrored("ingress 7 vni=100", SF_MIRROR_VNI), "7>7 1, 7>7 0");
	ck_assert_str_eq(mirrored("ingress 7 vni=100", erspan), "3>3 1, 4>4 0");
	ck_assert_str_eq(mirrored("ingress 7 trailer-device=7 trailer-port=8", SF_MIRROR_DEVICE),
		"7>7 1, 4>4 0");
	ck_assert_str_eq(mirrored("ingress 7 trailer-port=8", erspan), "3>3 1, 4>4 0");
	ck_assert_str_eq(
		mirrored("behind 7 mac=02:00:00:00:00:15 erspan-port=5", erspan), "7>7 1, 4>7 0");
	/*
	 * the port is where packets of one direction came in, and those of the other one went out
	 */
	ck_assert_str_eq(mirrored("ingress 7 erspan-port=5 erspan-direction=ingress\n"
				  "egress 7 erspan-port=5 erspan-direction=egress\n"
				  "ingress 0\negress 0",
				 erspan),
		"7>0 0, 0>7 1");
}
END_TEST

/*
 * `direction erspan`: only where the mirror says it, and never against the one interface that is
 * known.
 */
START_TEST(direction_of_the_mirror)
{
	const uint8_t erspan = SF_MIRROR_SESSION;

	ck_assert_str_eq(mirrored("direction erspan", erspan), "3>3 0, 4>4 1");
	ck_assert_str_eq(mirrored("direction erspan", 0), "3>3 1, 4>4 0");
	ck_assert_str_eq(mirrored("direction erspan\ndirection egress", 0), "3>3 1, 4>4 1");
	ck_assert_str_eq(mirrored("direction erspan erspan-session=5", erspan), "3>3 1, 4>4 0");
	ck_assert_str_eq(mirrored("direction erspan\negress 0", erspan), "3>0 0, 4>0 0");
}
END_TEST

/* The VNI of a tunnel that is no mirror's. */
START_TEST(vni_of_a_tunnel)
{
	static struct full_annex annex;
	static const struct {
		uint8_t kind;
		uint32_t id;
		const char *ways;
	} rows[] = {
		{ SF_TUNNEL_VXLAN, 100, "7>7 1, 7>7 0" },
		{ SF_TUNNEL_GENEVE, 100, "7>7 1, 7>7 0" },
		{ SF_TUNNEL_NVGRE, 100 << 8 | 3, "7>7 1, 7>7 0" },
		{ SF_TUNNEL_GRE, 100, "3>3 1, 4>4 0" },
	};
	const char *path = write_text("map", "ingress 7 vni=100");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sf_flow flow = a_flow(&annex);
		const struct sf_tunnel_facts tunnel = {
			.kind = rows[i].kind, .id = rows[i].id, .version = 4
		};

		flow.has |= SF_HAS_TUNNEL;
		for (unsigned d = 0; d < 2; d++)
			set_fact(&annex, SF_FACT_tunnel, d, &tunnel);
		ck_assert_str_eq(
			ways(&(struct sf_enrich_options){ .map = path }, &flow), rows[i].ways);
	}
	unlink(path);
}
END_TEST

/* Facts are gathered for the rules that there are, and for no others. */
START_TEST(rules_want_what_they_read)
{
	static const struct {
		const char *text;
		uint64_t facts;
	} rows[] = {
		{ "ingress 1 port=3 vlan=5 source-prefix=10.0.0.0/8", 0 },
		{ "direction egress", 0 },
		{ "direction erspan", SF_FACT_SET(mirror) },
		{ "egress 1 erspan-port=3", SF_FACT_SET(mirror) },
		{ "egress 1 vni=3", SF_FACT_SET(mirror) | SF_FACT_SET(tunnel) },
		{ "egress 1 trailer-port=3", SF_FACT_SET(mirror) | SF_FACT_SET(trailer) },
		{ "egress 1 mpls=3", SF_FACT_SET(mpls) },
		{ "behind 1 mac=02:00:00:00:00:01", SF_FACT_SET(src_mac) | SF_FACT_SET(dst_mac) },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *path = write_text("map", rows[i].text);
		struct sf_enrich *enrich = NULL;

		ck_assert_int_eq(
			sf_enrich_new(&enrich, &(struct sf_enrich_options){ .map = path }, &error),
			0);
		ck_assert_uint_eq(sf_enrich_enricher(enrich)->wants, rows[i].facts);
		sf_enrich_free(enrich);
		unlink(path);
	}
}
END_TEST

/* A port without a name, as in a pcap file: rules that name other ports by number do not change. */
START_TEST(rules_by_number_stay_when_a_port_has_no_name)
{
	static struct full_annex annex;
	struct sf_flow flow = a_flow(&annex);
	const char *path = write_text("map", "ingress 7 port=3\ningress 8 port=eth4\n");
	const struct sf_enrich_options options = { .map = path };

	flow.half[0].ingress = 9;
	ck_assert_str_eq(ways(&options, &flow), "9>9 1, 8>8 0");
	flow.half[0].ingress = 3;
	flow.half[1].ingress = 9;
	ck_assert_str_eq(ways(&options, &flow), "7>7 1, 9>9 0");
	unlink(path);
}
END_TEST

START_TEST(egress_without_rules)
{
	static struct full_annex annex;
	struct sf_flow flow = a_flow(&annex);

	ck_assert_str_eq(
		ways(&(struct sf_enrich_options){ .egress = SF_ENRICH_EGRESS_NONE }, &flow),
		"3>0 0, 4>0 0");
	/* each direction shows behind which port the receiver of the other direction is */
	ck_assert_str_eq(
		ways(&(struct sf_enrich_options){ .egress = SF_ENRICH_EGRESS_LEARN }, &flow),
		"3>4 1, 4>3 0");
	flow.directions = SF_FORWARD;
	ck_assert_str_eq(
		ways(&(struct sf_enrich_options){ .egress = SF_ENRICH_EGRESS_LEARN }, &flow),
		"3>0 0, 0>0 0");
	flow = a_flow(&annex);
	flow.has = 0;
	ck_assert_str_eq(
		ways(&(struct sf_enrich_options){ .egress = SF_ENRICH_EGRESS_LEARN }, &flow),
		"3>0 0, 4>0 0");
}
END_TEST

START_TEST(learned_addresses_age_and_have_bounds)
{
	static struct sf_learn learn;
	uint8_t mac[6] = { 2 };

	ck_assert_int_eq(sf_learn_init(&learn), 0);
	sf_learn_add(&learn, mac, 7, 1000);
	ck_assert_uint_eq(sf_learn_find(&learn, mac, 1000 + SF_LEARN_AGE_NS), 7);
	ck_assert_uint_eq(sf_learn_find(&learn, mac, 1001 + SF_LEARN_AGE_NS), 0);
	sf_learn_add(&learn, mac, 8, 2000);
	ck_assert_uint_eq(sf_learn_find(&learn, mac, 2000), 8);
	sf_learn_add(&learn, mac, 7, 1500); /* an earlier record that leaves later */
	ck_assert_uint_eq(sf_learn_find(&learn, mac, 2000), 8);
	mac[0] = 3; /* a group */
	sf_learn_add(&learn, mac, 9, 2000);
	ck_assert_uint_eq(sf_learn_find(&learn, mac, 2000), 0);
	/* far more addresses than fit: the latest ones are known */
	for (uint32_t i = 1; i <= 100000; i++) {
		const uint8_t many[6] = { 2, 1, (uint8_t)(i >> 24), (uint8_t)(i >> 16),
			(uint8_t)(i >> 8), (uint8_t)i };

		sf_learn_add(&learn, many, i, 3000 + i);
		ck_assert_uint_eq(sf_learn_find(&learn, many, 3000 + i), i);
	}
}
END_TEST

/* ---------------------------------------------------------------- direction */

static unsigned default_direction(const char *from, const char *to)
{
	bool ipv6 = strchr(from, ':') != NULL;
	uint8_t a[16] = { 0 }, b[16] = { 0 };

	ck_assert_int_eq(inet_pton(ipv6 ? AF_INET6 : AF_INET, from, a), 1);
	ck_assert_int_eq(inet_pton(ipv6 ? AF_INET6 : AF_INET, to, b), 1);
	return sf_local_direction(a, b, ipv6);
}

START_TEST(private_networks_are_the_own_one_by_default)
{
	static const char *const out[][2] = {
		{ "10.0.0.0", "8.8.8.8" },
		{ "10.255.255.255", "8.8.8.8" },
		{ "172.16.0.1", "9.255.255.255" },
		{ "172.31.255.255", "11.0.0.0" },
		{ "192.168.255.1", "172.15.255.255" },
		{ "10.0.0.1", "172.32.0.0" },
		{ "10.0.0.1", "192.167.255.255" },
		{ "10.0.0.1", "192.169.0.0" },
		{ "10.0.0.1", "169.253.0.1" },
		{ "10.0.0.1", "223.255.255.255" },
		{ "fc00::1", "2001:db8::1" },
		{ "fdff::1", "fe00::1" },
		{ "fd00::1", "fec0::1" },
	};
	static const char *const not_out[][2] = {
		{ "8.8.8.8", "10.0.0.1" },
		{ "8.8.8.8", "9.9.9.9" },
		{ "10.0.0.1", "192.168.0.1" },
		{ "10.0.0.1", "172.20.0.1" },
		{ "192.168.0.1", "224.0.0.251" },
		{ "192.168.0.1", "255.255.255.255" },
		{ "192.168.0.1", "169.254.0.1" },
		{ "192.168.0.1", "127.0.0.1" },
		{ "192.168.0.1", "0.0.0.0" },
		{ "172.15.0.1", "8.8.8.8" },
		{ "172.32.0.1", "8.8.8.8" },
		{ "192.167.0.1", "8.8.8.8" },
		{ "11.0.0.1", "8.8.8.8" },
		{ "9.0.0.1", "8.8.8.8" },
		{ "fd00::1", "ff02::fb" },
		{ "fd00::1", "fe80::1" },
		{ "fd00::1", "fd00::2" },
		{ "fd00::1", "::1" },
		{ "fb00::1", "2001:db8::1" },
		{ "fe00::1", "2001:db8::1" },
	};

	for (size_t i = 0; i < sizeof(out) / sizeof(out[0]); i++)
		ck_assert_msg(default_direction(out[i][0], out[i][1]) == 1, "%s", out[i][0]);
	for (size_t i = 0; i < sizeof(not_out) / sizeof(not_out[0]); i++)
		ck_assert_msg(default_direction(not_out[i][0], not_out[i][1]) == 0, "%s > %s",
			not_out[i][0], not_out[i][1]);
}
END_TEST

START_TEST(the_own_network_can_be_chosen)
{
	static struct full_annex annex;
	struct sf_flow flow = a_flow(&annex);
	struct sf_enrich *enrich;

	ck_assert_str_eq(
		ways(&(struct sf_enrich_options){ .local = "198.51.100.0/24,2001:db8::/32" },
			&flow),
		"3>3 0, 4>4 1");
	ck_assert_str_eq(
		ways(&(struct sf_enrich_options){ .local = "0.0.0.0/0" }, &flow), "3>3 0, 4>4 0");
	memcpy(flow.addr[0], "\xe0\0\0\1", 4);
	ck_assert_str_eq(ways(&(struct sf_enrich_options){ .local = "198.51.100.7" }, &flow),
		"3>3 0, 4>4 0");
	ck_assert_int_eq(sf_enrich_new(&enrich,
				 &(struct sf_enrich_options){ .local = "10.0.0.0/8,x" }, &error),
		SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "--local-net: 'x' is no prefix"));
	ck_assert_int_eq(
		sf_enrich_new(&enrich, &(struct sf_enrich_options){ .local = "::/129" }, &error),
		SF_EUSAGE);
	ck_assert_ptr_nonnull(strstr(error.text, "'::/129' is no prefix"));
}
END_TEST

CHECK_MAIN("enrich_map", mistakes_name_the_place, maps_are_bounded, rules_decide,
	conditions_about_the_mirror, direction_of_the_mirror, vni_of_a_tunnel,
	rules_want_what_they_read, rules_by_number_stay_when_a_port_has_no_name,
	egress_without_rules, learned_addresses_age_and_have_bounds,
	private_networks_are_the_own_one_by_default, the_own_network_can_be_chosen)
