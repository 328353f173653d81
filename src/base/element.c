/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registry of information elements. The IANA elements are in an array indexed by their id, so a
 * look-up is one load; ids without a row have no name. Looking up by name searches the array: that
 * happens when options are read, never per record.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <spanflow/field.h>

#include "base/value.h"

/* clang-format off */
static const struct sf_element iana[] = {
#define X(element_id, element_name, element_type)                                                  \
	[element_id] = { .id = element_id, .type = SF_TYPE_##element_type, .name = #element_name },
#include "base/elements.def"
};

/* The few enterprise elements that spanflow writes or that SiLK and YAF need. */
static const struct sf_element enterprise[] = {
	{ SF_PEN_CERT, 14, SF_TYPE_U8, "initialTCPFlags" },
	{ SF_PEN_CERT, 15, SF_TYPE_U8, "unionTCPFlags" },
	{ SF_PEN_CERT, 21, SF_TYPE_U32, "reverseFlowDeltaMilliseconds" },
	{ SF_PEN_SPANFLOW, 1, SF_TYPE_STRING, "sourceCountry" },
	{ SF_PEN_SPANFLOW, 2, SF_TYPE_STRING, "destinationCountry" },
	{ SF_PEN_SPANFLOW, 3, SF_TYPE_STRING, "ingressInterfaceName" },
	{ SF_PEN_SPANFLOW, 4, SF_TYPE_STRING, "egressInterfaceName" },
	{ SF_PEN_SPANFLOW, 5, SF_TYPE_U64, "interfaceSpeed" },
	{ SF_PEN_SPANFLOW, 10, SF_TYPE_STRING, "communityId" },
	{ SF_PEN_SPANFLOW, 16, SF_TYPE_U8, "tunnelKind" },
	{ SF_PEN_SPANFLOW, 17, SF_TYPE_U32, "tunnelId" },
	{ SF_PEN_SPANFLOW, 18, SF_TYPE_IPV4, "tunnelSourceIPv4Address" },
	{ SF_PEN_SPANFLOW, 19, SF_TYPE_IPV4, "tunnelDestinationIPv4Address" },
	{ SF_PEN_SPANFLOW, 20, SF_TYPE_IPV6, "tunnelSourceIPv6Address" },
	{ SF_PEN_SPANFLOW, 21, SF_TYPE_IPV6, "tunnelDestinationIPv6Address" },
	{ SF_PEN_SPANFLOW, 22, SF_TYPE_U64, "outerFlowId" },
	{ SF_PEN_SPANFLOW, 23, SF_TYPE_U64, "innerFlowId" },
	{ SF_PEN_SPANFLOW, 24, SF_TYPE_OCTETS, "macsecChannel" },
	{ SF_PEN_SPANFLOW, 30, SF_TYPE_STRING, "ingressInterfaceDescription" },
	{ SF_PEN_SPANFLOW, 31, SF_TYPE_STRING, "egressInterfaceDescription" },
	{ SF_PEN_SPANFLOW, 32, SF_TYPE_U32, "mirrorId" },
	{ SF_PEN_SPANFLOW, 33, SF_TYPE_U32, "mirrorPort" },
	{ SF_PEN_SPANFLOW, 34, SF_TYPE_U8, "mirrorDirection" },
	{ SF_PEN_SPANFLOW, 40, SF_TYPE_U32, "tcpServerRoundTripMicroseconds" },
	{ SF_PEN_SPANFLOW, 41, SF_TYPE_U32, "tcpClientRoundTripMicroseconds" },
	{ SF_PEN_SPANFLOW, 42, SF_TYPE_U32, "tcpRoundTripMinimumMicroseconds" },
	{ SF_PEN_SPANFLOW, 43, SF_TYPE_U32, "tcpRoundTripMeanMicroseconds" },
	{ SF_PEN_SPANFLOW, 44, SF_TYPE_U32, "tcpRoundTripMaximumMicroseconds" },
	{ SF_PEN_SPANFLOW, 45, SF_TYPE_U32, "tcpRoundTripCount" },
	{ SF_PEN_SPANFLOW, 46, SF_TYPE_U32, "tcpRetransmittedPacketDeltaCount" },
	{ SF_PEN_SPANFLOW, 47, SF_TYPE_U64, "tcpRetransmittedOctetDeltaCount" },
	{ SF_PEN_SPANFLOW, 48, SF_TYPE_U32, "tcpOutOfOrderPacketDeltaCount" },
	{ SF_PEN_SPANFLOW, 49, SF_TYPE_U32, "tcpDuplicateAckDeltaCount" },
	{ SF_PEN_SPANFLOW, 50, SF_TYPE_U32, "tcpZeroWindowPacketDeltaCount" },
	{ SF_PEN_SPANFLOW, 51, SF_TYPE_U16, "tcpMaximumSegmentSize" },
	{ SF_PEN_SPANFLOW, 52, SF_TYPE_U8, "tcpSackPermitted" },
	{ SF_PEN_SPANFLOW, 60, SF_TYPE_OCTETS, "firstPacketLengths" },
	{ SF_PEN_SPANFLOW, 61, SF_TYPE_OCTETS, "firstPacketGaps" },
	{ SF_PEN_SPANFLOW, 62, SF_TYPE_U32, "packetGapMinimumMicroseconds" },
	{ SF_PEN_SPANFLOW, 63, SF_TYPE_U32, "packetGapMeanMicroseconds" },
	{ SF_PEN_SPANFLOW, 64, SF_TYPE_U32, "packetGapMaximumMicroseconds" },
	{ SF_PEN_SPANFLOW, 65, SF_TYPE_OCTETS, "octetsPerSecond" },
	{ SF_PEN_SPANFLOW, 66, SF_TYPE_U16, "firstPayloadEntropy" },
	{ SF_PEN_SPANFLOW, 80, SF_TYPE_STRING, "dnsQueryName" },
	{ SF_PEN_SPANFLOW, 81, SF_TYPE_U16, "dnsQueryType" },
	{ SF_PEN_SPANFLOW, 82, SF_TYPE_U8, "dnsResponseCode" },
	{ SF_PEN_SPANFLOW, 83, SF_TYPE_STRING, "dnsFirstAnswer" },
	{ SF_PEN_SPANFLOW, 84, SF_TYPE_STRING, "tlsServerName" },
	{ SF_PEN_SPANFLOW, 85, SF_TYPE_STRING, "tlsAlpn" },
	{ SF_PEN_SPANFLOW, 86, SF_TYPE_U16, "tlsVersion" },
	{ SF_PEN_SPANFLOW, 87, SF_TYPE_U16, "tlsCipher" },
	{ SF_PEN_SPANFLOW, 88, SF_TYPE_STRING, "tlsJa4" },
	{ SF_PEN_SPANFLOW, 89, SF_TYPE_STRING, "sshBanner" },
	{ SF_PEN_SPANFLOW, 90, SF_TYPE_STRING, "tlsCertificateCommonName" },
	{ SF_PEN_SPANFLOW, 91, SF_TYPE_STRING, "tlsCertificateDnsName" },
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct sf_element *sf_element_find(uint32_t pen, uint16_t id)
{
	if (pen == 0 || pen == SF_PEN_REVERSE)
		return id < COUNT(iana) && iana[id].name ? &iana[id] : NULL;
	/* a reverse element has the row of its forward element */
	for (size_t i = 0; i < COUNT(enterprise); i++)
		if (enterprise[i].pen == pen && enterprise[i].id == (id & ~SF_REVERSE_BIT))
			return &enterprise[i];
	return NULL;
}

const struct sf_element *sf_element_find_name(const char *name)
{
	for (size_t i = 0; i < COUNT(iana); i++)
		if (iana[i].name && !strcmp(iana[i].name, name))
			return &iana[i];
	for (size_t i = 0; i < COUNT(enterprise); i++)
		if (!strcmp(enterprise[i].name, name))
			return &enterprise[i];
	return NULL;
}

/* [RFC7011-9-2] */
size_t sf_field_name(uint32_t pen, uint16_t id, char *text, size_t size)
{
	const struct sf_element *element = sf_element_find(pen, id);
	int length;

	if (!element && pen == 0)
		length = snprintf(text, size, "ie%u", id);
	else if (pen == SF_PEN_NETFLOW9)
		length = snprintf(text, size, "ie%u", id | 0x8000);
	else if (!element)
		length = snprintf(text, size, "pen%uie%u", pen, id);
	else if (pen == SF_PEN_REVERSE || id != element->id)
		length = snprintf(text, size, "reverse%c%s",
			toupper((unsigned char)element->name[0]), element->name + 1);
	else
		length = snprintf(text, size, "%s", element->name);
	return (size_t)length < size ? (size_t)length : size - 1;
}

static size_t write_field(
	const struct sf_field_value *value, enum sf_value_form form, char *text, size_t size)
{
	const struct sf_element *element = sf_element_find(value->pen, value->id);
	enum sf_type type = element ? element->type : SF_TYPE_OCTETS;

	return sf_value_write(type, form, value->data, value->length, text, size);
}

size_t sf_field_json(const struct sf_field_value *value, char *text, size_t size)
{
	return write_field(value, SF_VALUE_JSON, text, size);
}

size_t sf_field_text(const struct sf_field_value *value, char *text, size_t size)
{
	return write_field(value, SF_VALUE_TEXT, text, size);
}
