/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys of groups: which side is the server or inside, and networks of folded records. */
#include "group_support.h"

/*
 * The side that answered: of both directions the responder, of one direction that of the lower
 * port.
 */
START_TEST(servers_are_those_that_answer)
{
	const struct sf_groups_options options = {
		.by = "server,service", .sum = "flows", .mode = SF_ASK_CONVERSATION
	};
	const struct sf_groups_options uniflow = { .by = "server,service", .sum = "flows" };
	struct sf_groups *groups = make(&options), *single = make(&uniflow);
	struct sf_flow flow = flow_of(1, 40000);

	flow.directions = SF_FORWARD | SF_REVERSE;
	flow.port[1] = 50000;
	put(groups, &flow);
	ck_assert_str_eq(
		answer(groups), "{\"server\":\"192.0.2.1\",\"service\":50000,\"flows\":1}\n");
	flow.directions = SF_FORWARD;
	flow.port[1] = 53;
	put(single, &flow);
	flow.port[0] = 53;
	put(single, &flow); /* between equal ports nobody knows */
	ck_assert_str_eq(answer(single), "{\"flows\":1}\n"
					 "{\"server\":\"192.0.2.1\",\"service\":53,\"flows\":1}\n");
	sf_groups_free(groups);
	sf_groups_free(single);
}
END_TEST

/* Seen from inside: what a private host sent to others, and what it got. */
START_TEST(the_inside_has_private_addresses)
{
	const struct sf_groups_options options = { .by = "inside,outside",
		.sum = "flows,sent,received,ratio,span" };
	struct sf_groups *groups = make(&options);
	struct sf_flow flow = flow_of(1, 40000);

	put(groups, &flow);
	flow.directions = SF_REVERSE;
	flow.half[1] = (struct sf_flow_half){
		.packets = 1, .octets = 400, .start_ns = 990 * NS, .end_ns = 1015 * NS
	};
	put(groups, &flow);
	ck_assert_str_eq(answer(groups),
		"{\"inside\":\"10.0.0.1\",\"outside\":\"192.0.2.1\",\"flows\":2,"
		"\"sent\":100,\"received\":400,\"ratio\":0.25,\"span\":25.000}\n");
	sf_groups_free(groups);
}
END_TEST

/* A folded record is about networks: they are no hosts, in all kinds of keys. */
START_TEST(folded_records_are_of_networks)
{
	static const struct {
		const char *by, *answer;
	} cases[] = {
		{ "src", "\"sourceIPv4Prefix\":\"10.0.1.0/24\"" },
		{ "dst", "\"destinationIPv4Prefix\":\"192.0.2.0/24\"" },
		{ "pair", "\"pair\":[\"10.0.1.0/24\",\"192.0.2.0/24\"]" },
		{ "src/16", "\"sourceIPv4Prefix\":\"10.0.0.0/16\"" },
		/* which of the smaller networks is not known */
		{ "src/30", "\"sourceIPv4Prefix\":\"10.0.1.0/24\"" },
		{ "inside", "\"inside\":\"10.0.1.0/24\"" },
		{ "outside", "\"outside\":\"192.0.2.0/24\"" },
	};
	struct sf_flow folded = flow_of(256, 0), host = flow_of(256, 7);
	char expected[200];

	folded.folded = 3;
	folded.addr[1][3] = 0;
	folded.port[1] = 0;
	folded.prefix_length[0] = folded.prefix_length[1] = 24;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct sf_groups_options options = { .by = cases[i].by, .sum = "flows" };
		struct sf_groups *groups = make(&options);

		put(groups, &folded);
		snprintf(expected, sizeof(expected), "{%s,\"flows\":3}\n", cases[i].answer);
		ck_assert_str_eq(answer(groups), expected);
		sf_groups_free(groups);

		/* the host of the same address is another one, but they are in one network */
		groups = make(&options);
		put(groups, &folded);
		put(groups, &host);
		ck_assert_uint_eq(strstr(answer(groups), "\"flows\":4") != NULL,
			strcmp(cases[i].by, "src/16") == 0);
		sf_groups_free(groups);
	}
}
END_TEST

/*
 * Networks of all lengths of the address 0 are told apart; in a pair with a host each side has its
 * own length.
 */
START_TEST(networks_of_all_lengths)
{
	const struct sf_groups_options by_src = { .by = "src", .sum = "flows", .sort = "+src" };
	const struct sf_groups_options by_pair = { .by = "pair", .sum = "flows", .sort = "+pair" };

	for (unsigned version = 4; version <= 6; version += 2) {
		const unsigned all = version == 4 ? 32 : 128;
		struct sf_groups *one = make(&by_src), *two = make(&by_pair);
		const char *ones = version == 4 ? "255.255.255.255"
						: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
		const char *zero = version == 4 ? "0.0.0.0" : "::", *line;
		char expected[200];

		for (unsigned bits = 0; bits <= all; bits++) {
			struct sf_flow flow = flow_of(0, 0);

			flow.ip_version = (uint8_t)version;
			memset(flow.addr[0], 0, sizeof(flow.addr[0]));
			memset(flow.addr[1], 0xff, sizeof(flow.addr[1]));
			flow.folded = 1;
			flow.prefix_length[0] = (uint8_t)bits;
			flow.prefix_length[1] = (uint8_t)all;
			put(one, &flow);
			put(two, &flow);
		}
		line = answer(one);
		for (unsigned bits = 0; bits < all; bits++, line = strchr(line, '\n') + 1) {
			snprintf(expected, sizeof(expected),
				"{\"sourceIPv%uPrefix\":\"%s/%u\",\"flows\":1}\n", version, zero,
				bits);
			ck_assert_int_eq(strncmp(line, expected, strlen(expected)), 0);
		}
		snprintf(expected, sizeof(expected),
			"{\"sourceIPv%uAddress\":\"%s\",\"flows\":1}\n", version, zero);
		ck_assert_str_eq(line, expected);
		line = answer(two);
		for (unsigned bits = 0; bits < all; bits++, line = strchr(line, '\n') + 1) {
			snprintf(expected, sizeof(expected),
				"{\"pair\":[\"%s/%u\",\"%s\"],\"flows\":1}\n", zero, bits, ones);
			ck_assert_int_eq(strncmp(line, expected, strlen(expected)), 0);
		}
		sf_groups_free(one);
		sf_groups_free(two);
	}
}
END_TEST

/* A pair is the same in both directions, and a network stands before its hosts. */
START_TEST(networks_stand_before_their_hosts)
{
	const struct sf_groups_options options = { .by = "pair", .sum = "flows", .sort = "+pair" };
	/* the last octet of the source, and its bits */
	static const uint8_t sources[][2] = { { 200, 32 }, { 0, 25 }, { 128, 32 }, { 0, 24 },
		{ 1, 32 } };
	struct sf_groups *groups = make(&options);

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		for (unsigned turn = 0; turn < 2; turn++) {
			struct sf_flow flow = flow_of(sources[i][0], 0);

			memcpy(flow.addr[1], (uint8_t[]){ 10, 0, 0, 128 }, 4);
			flow.folded = 1;
			flow.prefix_length[0] = sources[i][1];
			flow.prefix_length[1] = 32;
			if (turn) {
				struct sf_flow back = flow;

				memcpy(back.addr[0], flow.addr[1], 4);
				memcpy(back.addr[1], flow.addr[0], 4);
				back.prefix_length[0] = 32;
				back.prefix_length[1] = sources[i][1];
				flow = back;
			}
			put(groups, &flow);
		}
	ck_assert_str_eq(answer(groups),
		"{\"pair\":[\"10.0.0.0/24\",\"10.0.0.128\"],\"flows\":2}\n"
		"{\"pair\":[\"10.0.0.0/25\",\"10.0.0.128\"],\"flows\":2}\n"
		"{\"pair\":[\"10.0.0.1\",\"10.0.0.128\"],\"flows\":2}\n"
		"{\"pair\":[\"10.0.0.128\",\"10.0.0.128\"],\"flows\":2}\n"
		"{\"pair\":[\"10.0.0.128\",\"10.0.0.200\"],\"flows\":2}\n");
	sf_groups_free(groups);
}
END_TEST

/* A network that is larger than those of private addresses has hosts inside and outside. */
START_TEST(large_networks_are_neither_inside_nor_outside)
{
	const struct sf_groups_options options = { .by = "inside", .sum = "flows" };
	static const struct {
		uint8_t address[2], bits;
		const char *inside;
	} cases[] = {
		{ { 0, 0 }, 0, "" },
		{ { 172, 0 }, 8, "" },
		{ { 172, 16 }, 12, "\"inside\":\"172.16.0.0/12\"," },
		{ { 11, 0 }, 8, "" },
	};
	char expected[100];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sf_groups *groups = make(&options);
		struct sf_flow flow = flow_of(0, 0);

		memset(flow.addr[0], 0, sizeof(flow.addr[0]));
		memcpy(flow.addr[0], cases[i].address, 2);
		flow.folded = 1;
		flow.prefix_length[0] = cases[i].bits;
		flow.prefix_length[1] = 32;
		put(groups, &flow);
		snprintf(expected, sizeof(expected), "{%s\"flows\":1}\n", cases[i].inside);
		ck_assert_str_eq(answer(groups), expected);
		sf_groups_free(groups);
	}
}
END_TEST

CHECK_MAIN("group keys", servers_are_those_that_answer, the_inside_has_private_addresses,
	folded_records_are_of_networks, networks_of_all_lengths, networks_stand_before_their_hosts,
	large_networks_are_neither_inside_nor_outside)
