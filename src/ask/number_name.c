/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that have names: IP protocols and kinds of tunnels. */
#include <string.h>

#include <spanflow/tunnel.h>

#include "ask/field.h"

static const char protocols[256][12] = {
	[0] = "hopopt",
	[1] = "icmp",
	[2] = "igmp",
	[4] = "ipip",
	[6] = "tcp",
	[8] = "egp",
	[9] = "igp",
	[17] = "udp",
	[27] = "rdp",
	[33] = "dccp",
	[41] = "ip6ip",
	[46] = "rsvp",
	[47] = "gre",
	[50] = "esp",
	[51] = "ah",
	[58] = "icmp6",
	[88] = "eigrp",
	[89] = "ospf",
	[94] = "ipencap",
	[97] = "etherip",
	[103] = "pim",
	[108] = "ipcomp",
	[112] = "vrrp",
	[115] = "l2tp",
	[124] = "isis",
	[132] = "sctp",
	[136] = "udplite",
	[137] = "mplsinip",
};

const char *sf_ask_protocol_name(uint8_t protocol)
{
	return protocols[protocol][0] ? protocols[protocol] : NULL;
}

bool sf_ask_protocol_number(const char *name, size_t length, uint8_t *protocol)
{
	static const struct {
		const char *name;
		uint8_t number;
	} further[] = { { "ipv6-icmp", 58 }, { "icmpv6", 58 }, { "ip-in-ip", 4 }, { "6in4", 41 },
		{ "ipsec-esp", 50 }, { "ipsec-ah", 51 }, { "carp", 112 } };

	for (unsigned i = 0; i < 256; i++)
		if (protocols[i][0] && strlen(protocols[i]) == length &&
			strncasecmp(protocols[i], name, length) == 0) {
			*protocol = (uint8_t)i;
			return true;
		}
	for (size_t i = 0; i < sizeof(further) / sizeof(further[0]); i++)
		if (strlen(further[i].name) == length &&
			strncasecmp(further[i].name, name, length) == 0) {
			*protocol = further[i].number;
			return true;
		}
	return false;
}

const char *sf_ask_number_name(unsigned type, uint64_t number)
{
	if (type == SF_ASK_PROTOCOL && number < 256)
		return sf_ask_protocol_name((uint8_t)number);
	if (type == SF_ASK_TUNNEL && number < SF_TUNNEL_COUNT)
		return sf_tunnel_name((enum sf_tunnel_kind)number);
	return NULL;
}

bool sf_ask_named_number(unsigned type, const char *name, size_t length, uint64_t *number)
{
	uint8_t protocol;

	if (type == SF_ASK_PROTOCOL && sf_ask_protocol_number(name, length, &protocol)) {
		*number = protocol;
		return true;
	}
	for (unsigned kind = 0; type == SF_ASK_TUNNEL && kind < SF_TUNNEL_COUNT; kind++) {
		const char *known = sf_tunnel_name((enum sf_tunnel_kind)kind);

		if (strlen(known) == length && strncasecmp(known, name, length) == 0) {
			*number = kind;
			return true;
		}
	}
	return false;
}
