/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/ethertype.h"

#include <stddef.h>
#include <string.h>

/* Types of the IEEE registry, and unregistered ones that occur in networks. */
static const struct {
	uint16_t type;
	const char *name;
} names[] = {
	{ SF_ETHERTYPE_LLC, "LLC" }, /* spanning tree, CDP, IS-IS, … */
	{ 0x0600, "XNS" },
	{ 0x0806, "ARP" },
	{ 0x0842, "Wake-on-LAN" },
	{ 0x2000, "CDP" },
	{ 0x2004, "DTP" },
	{ 0x22ea, "SRP" },
	{ 0x22f0, "AVTP" },
	{ 0x22f3, "TRILL" },
	{ 0x22f4, "IS-IS" },
	{ 0x6002, "DEC MOP" },
	{ 0x6003, "DECnet" },
	{ 0x6004, "DEC LAT" },
	{ 0x6558, "Transparent Ethernet Bridging" },
	{ 0x8035, "RARP" },
	{ 0x809b, "AppleTalk" },
	{ 0x80f3, "AppleTalk ARP" },
	{ 0x8100, "VLAN" },
	{ 0x8137, "IPX" },
	{ 0x8204, "QNX" },
	{ 0x8808, "pause" },
	{ 0x8809, "LACP and slow protocols" },
	{ 0x8847, "MPLS" },
	{ 0x8848, "MPLS multicast" },
	{ 0x8863, "PPPoE discovery" },
	{ 0x8864, "PPPoE session" },
	{ 0x886f, "NLB heartbeat" },
	{ 0x8874, "Broadcom tag" },
	{ 0x887b, "HomePlug" },
	{ 0x888e, "EAPOL" },
	{ 0x8892, "PROFINET" },
	{ 0x8899, "Realtek" },
	{ 0x88a2, "ATA over Ethernet" },
	{ 0x88a4, "EtherCAT" },
	{ 0x88a8, "service VLAN" },
	{ 0x88ab, "POWERLINK" },
	{ 0x88b8, "GOOSE" },
	{ 0x88ba, "sampled values" },
	{ 0x88c7, "802.11 pre-authentication" },
	{ 0x88cc, "LLDP" },
	{ 0x88cd, "SERCOS III" },
	{ 0x88e1, "HomePlug AV" },
	{ 0x88e3, "MRP" },
	{ 0x88e5, "MACsec" },
	{ 0x88e7, "802.1ah" },
	{ 0x88f5, "MVRP" },
	{ 0x88f6, "MMRP" },
	{ 0x88f7, "PTP" },
	{ 0x88f8, "NC-SI" },
	{ 0x88fb, "PRP and HSR supervision" },
	{ 0x8902, "CFM" },
	{ 0x8903, "FabricPath" },
	{ 0x8906, "FCoE" },
	{ 0x8909, "Cisco metadata" },
	{ 0x8914, "FIP" },
	{ 0x8915, "RoCE" },
	{ 0x891d, "TTEthernet" },
	{ 0x8926, "VN-Tag" },
	{ 0x892f, "HSR" },
	{ 0x893a, "IEEE 1905.1" },
	{ 0x893f, "E-tag" },
	{ 0x894f, "NSH" },
	{ 0x8988, "Cisco TTag" },
	{ 0x9000, "loopback test" },
	{ 0x9003, "Cisco MAC notification" },
	{ 0xd28b, "Arista" },
	{ 0xdada, "Marvell switch tag" },
	{ 0xf1c1, "redundancy tag" },
};

const char *sf_ethertype_name(uint16_t type)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	return "";
}
