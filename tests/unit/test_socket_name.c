/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of sources that are sockets, and what is opened in their packets. */
#include <arpa/inet.h>

#include <spanflow/plan.h>

#include "base/socket_name.h"
#include "check_main.h"

static struct sf_error error;

static struct sf_socket_name parsed(const char *driver, const char *text)
{
	struct sf_socket_name name;

	ck_assert_msg(sf_socket_name_parse(&name, driver, text, &error) == 0, "%s", error.text);
	return name;
}

static void expect_address(const struct sf_socket_name *name, const char *address)
{
	bool ipv6 = name->address.any.sa_family == AF_INET6;
	char text[INET6_ADDRSTRLEN];

	inet_ntop(name->address.any.sa_family,
		ipv6 ? (void *)&name->address.in6.sin6_addr : (void *)&name->address.in.sin_addr,
		text, sizeof(text));
	ck_assert_str_eq(text, address);
	ck_assert_uint_eq(ntohs(name->address.in.sin_port), name->port);
}

START_TEST(names)
{
	static const struct {
		const char *driver, *text, *address;
		uint16_t port;
		const char *kind, *shown;
		bool every;
	} rows[] = {
		{ "udp", "//0.0.0.0:4789", "0.0.0.0", 4789, "", "udp://0.0.0.0:4789", false },
		{ "udp", "udp://192.0.2.1:99,kind=geneve", "192.0.2.1", 99, "geneve",
			"udp://192.0.2.1:99", false },
		{ "udp", "[2001:db8::1]:6081", "2001:db8::1", 6081, "", "udp://[2001:db8::1]:6081",
			false },
		{ "udp", "//:4789", "::", 4789, "", "udp://:4789", true },
		{ "gre", "//", "0.0.0.0", 0, "", "gre://", true },
		{ "gre", "", "0.0.0.0", 0, "", "gre://", true },
		{ "gre", "//[::1]", "::1", 0, "", "gre://[::1]", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sf_socket_name name = parsed(rows[i].driver, rows[i].text);

		expect_address(&name, rows[i].address);
		ck_assert_uint_eq(name.port, rows[i].port);
		ck_assert_str_eq(name.kind, rows[i].kind);
		ck_assert_str_eq(name.text, rows[i].shown);
		ck_assert_int_eq(name.every, rows[i].every);
	}
}
END_TEST

START_TEST(wrong_names)
{
	static const char *const udp[] = { "//0.0.0.0", "//0.0.0.0:", "//0.0.0.0:0",
		"//0.0.0.0:65536", "//0.0.0.0:4789x", "//:4789,", "//:4789,kind",
		"//:4789,kind=a,kind=b", "//:4789,kind=a-very-long-kind-of-tunnel", "//::1:4789",
		"//[::1:4789", "//host:4789", "",
		"//0000000000000000000000000000000000000000000000000000000000000000000000000:1" };
	static const char *const gre[] = { "//192.0.2.1:47", "//[]", "//,kind=gre", "//host", ":" };
	struct sf_socket_name name;

	for (size_t i = 0; i < sizeof(udp) / sizeof(udp[0]); i++)
		ck_assert_msg(sf_socket_name_parse(&name, "udp", udp[i], &error) == SF_EUSAGE, "%s",
			udp[i]);
	for (size_t i = 0; i < sizeof(gre) / sizeof(gre[0]); i++)
		ck_assert_msg(sf_socket_name_parse(&name, "gre", gre[i], &error) == SF_EUSAGE, "%s",
			gre[i]);
}
END_TEST

START_TEST(overlap)
{
	static const struct {
		const char *driver[2], *text[2];
		bool overlap;
	} rows[] = {
		{ { "udp", "udp" }, { "//0.0.0.0:1", "//192.0.2.1:1" }, true },
		{ { "udp", "udp" }, { "//0.0.0.0:1", "//192.0.2.1:2" }, false },
		{ { "udp", "udp" }, { "//:1", "//192.0.2.1:1" }, true },
		{ { "udp", "udp" }, { "//[::1]:1", "//192.0.2.1:1" }, false },
		{ { "udp", "udp" }, { "//192.0.2.2:1", "//192.0.2.1:1" }, false },
		{ { "gre", "gre" }, { "//", "//192.0.2.1" }, true },
		{ { "gre", "gre" }, { "//", "//[::]" }, false },
		{ { "gre", "udp" }, { "//", "//:4789" }, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sf_socket_name a = parsed(rows[i].driver[0], rows[i].text[0]);
		struct sf_socket_name b = parsed(rows[i].driver[1], rows[i].text[1]);

		ck_assert_int_eq(sf_socket_names_overlap(&a, &b), rows[i].overlap);
		ck_assert_int_eq(sf_socket_names_overlap(&b, &a), rows[i].overlap);
	}
}
END_TEST

/* What is opened, by the port or by `kind=`, before what --tunnel-port says of that port. */
START_TEST(opened)
{
	struct sf_tunnel_options tunnels = { 0 }, result;
	struct sf_plan_source source = { 0 };

	ck_assert_int_eq(sf_tunnel_options_add_port(&tunnels, "tzsp=9000", &error), 0);
	ck_assert_int_eq(sf_plan_source_parse(&source, "udp://:9000,kind=gtp-u+:4789", &error), 0);
	ck_assert_str_eq(source.driver, "udp");
	ck_assert_uint_eq(source.name_count, 2);
	ck_assert_int_eq(sf_plan_source_tunnels(&result, &source, &tunnels, &error), 0);
	ck_assert_uint_eq(result.port_count, 2);
	ck_assert_uint_eq(result.ports[0].kind, SF_TUNNEL_GTP_U);
	ck_assert_uint_eq(result.ports[0].port, 9000);
	ck_assert_uint_eq(result.ports[1].kind, SF_TUNNEL_TZSP);
	ck_assert_uint_eq(result.mode[SF_TUNNEL_GTP_U], SF_TUNNEL_INNER);
	ck_assert(result.mirror);
	ck_assert(!tunnels.mirror);
	sf_plan_source_free(&source);

	ck_assert_int_eq(sf_tunnel_options_add(&tunnels, "gtp-u=outer", &error), 0);
	ck_assert_int_eq(sf_plan_source_parse(&source, "udp://:2152", &error), 0);
	ck_assert_int_eq(sf_plan_source_tunnels(&result, &source, &tunnels, &error), 0);
	ck_assert_uint_eq(result.mode[SF_TUNNEL_GTP_U], SF_TUNNEL_OUTER);
	ck_assert(!result.mirror);
	sf_plan_source_free(&source);

	ck_assert_int_eq(sf_plan_source_parse(&source, "eth1", &error), 0);
	ck_assert_int_eq(sf_plan_source_tunnels(&result, &source, &tunnels, &error), 0);
	ck_assert(!result.mirror);
	sf_plan_source_free(&source);
}
END_TEST

CHECK_MAIN("socket_name", names, wrong_names, overlap, opened)
