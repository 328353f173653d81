/* SPDX-License-Identifier: BSD-2-Clause */
/* A captured packet as a capture driver lends it to the metering process. */
#ifndef SPANFLOW_PACKET_H
#define SPANFLOW_PACKET_H

#include <stdint.h>

#include <spanflow/declare.h>

SF_BEGIN_PUBLIC

/* Most packets of a live source in one batch, and records that are given to a sink at once. */
#define SF_BATCH_MAX 64

#define SF_NS_PER_S INT64_C(1000000000)

/* `flags` of a packet */
#define SF_PACKET_VLAN     0x0001 /* vlan_tci holds the outer tag, which is not in the bytes */
#define SF_PACKET_VLAN_AD  0x0002 /* … and that tag was an 802.1ad service tag */
#define SF_PACKET_OUTGOING 0x0004 /* the capture says that this host sent the packet */
/*
 * Files: the capture goes back in time here, and stays there. This packet and those behind it are
 * earlier than the ones before, as if another capture began.
 */
#define SF_PACKET_SET_BACK 0x0008

/*
 * The bytes belong to the driver: they are readable from a successful sf_capture_recv() until the
 * sf_capture_release() of the same queue, and no pointer into them may be kept longer.
 */
struct sf_packet {
	const uint8_t *data;
	int64_t time_ns;   /* when it was on the wire: ns since 1970-01-01 UTC */
	uint32_t captured; /* readable bytes at data */
	/* length on the wire without an out-of-band tag, >= captured unless the source errs */
	uint32_t wire;
	uint16_t link;      /* link type: LINKTYPE_ value of the pcap registry (SF_LINK_…) */
	uint16_t interface; /* slot in the source's list, see sf_capture_ops.interface */
	uint16_t vlan_tci;  /* with SF_PACKET_VLAN: the outer tag's TCI, host order */
	uint16_t flags;     /* SF_PACKET_… */
};

/* Link types: the LINKTYPE_ numbers of capture files, not libpcap's DLT_ numbers. */
enum sf_link {
	SF_LINK_NULL = 0,
	SF_LINK_ETHERNET = 1,
	SF_LINK_PPP = 9,
	SF_LINK_FDDI = 10,
	SF_LINK_RAW_BSD = 12, /* DLT_RAW on most systems, found in old files */
	SF_LINK_RAW_OPENBSD = 14,
	SF_LINK_PPP_HDLC = 50,
	SF_LINK_PPP_ETHER = 51,
	SF_LINK_RAW = 101,
	SF_LINK_C_HDLC = 104,
	SF_LINK_IEEE802_11 = 105,
	SF_LINK_FRELAY = 107,
	SF_LINK_LOOP = 108,
	SF_LINK_LINUX_SLL = 113,
	SF_LINK_PFLOG = 117, /* log of the packet filter pf */
	SF_LINK_IEEE802_11_RADIOTAP = 127,
	SF_LINK_PPP_PPPD = 166,
	SF_LINK_MFR = 182, /* multilink Frame Relay */
	SF_LINK_PPI = 192, /* per-packet information, the link type of the frame in it */
	SF_LINK_PPP_WITH_DIR = 204,
	SF_LINK_MPLS = 219,
	SF_LINK_IPV4 = 228,
	SF_LINK_IPV6 = 229,
	SF_LINK_NFLOG = 239,
	SF_LINK_LINUX_SLL2 = 276,
	SF_LINK_DSA_TAG_BRCM = 281, /* between a switch and its processor */
	SF_LINK_DSA_TAG_BRCM_PREPEND = 282,
	SF_LINK_DSA_TAG_DSA = 284,
	SF_LINK_DSA_TAG_EDSA = 285,
};

SF_END_PUBLIC

#endif
