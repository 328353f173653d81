/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DNS messages (RFC 1035 §4) over UDP and TCP, and multicast DNS (RFC 6762): the first question,
 * and the first address among the answers. Names are written as in master files: '.' between
 * labels, \DDD for octets that are not printable, "." for the root.
 */
#include <arpa/inet.h>
#include <stdio.h>

#include "apps/reader.h"
#include "base/branch.h"
#include "base/wire.h"

enum {
	HEADER = 12,
	NAME_MAX_TEXT = 253,
	POINTERS_MAX = 16,  /* compression pointers followed in one name */
	RECORDS_MAX = 32,   /* answers that are looked at */
	SECTION_MAX = 4096, /* records of a section in a message that is believed */
	PORT_DNS = 53,
	PORT_NETBIOS = 137, /* names of NetBIOS look like DNS */
	PORT_MDNS = 5353,
	PORT_LLMNR = 5355,
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_PTR = 12,
	TYPE_AAAA = 28,
	TYPE_NB = 32, /* of NetBIOS, as the next one */
	TYPE_NBSTAT = 33,
	CLASS_IN = 1,
	CLASS_MASK = 0x7fff, /* multicast DNS has a flag above it */
};

struct message {
	const uint8_t *bytes;
	size_t length; /* captured */
	size_t wire;
	size_t at;
};

struct name {
	char text[NAME_MAX_TEXT + 1];
	unsigned length;
	bool netbios; /* one label of 32 letters A to P */
};

static void put_char(struct name *name, char c)
{
	if (name->length < NAME_MAX_TEXT)
		name->text[name->length++] = c;
}

static void put_label(struct name *name, const uint8_t *label, unsigned length)
{
	bool nibbles = length == 32 && name->length == 0;

	if (name->length)
		put_char(name, '.');
	for (unsigned i = 0; i < length; i++) {
		uint8_t c = label[i];

		nibbles = nibbles && c >= 'A' && c <= 'P';
		if (c == '.' || c == '\\') {
			put_char(name, '\\');
			put_char(name, (char)c);
		} else if (c > ' ' && c <= '~') {
			put_char(name, (char)c);
		} else {
			put_char(name, '\\');
			put_char(name, (char)('0' + c / 100));
			put_char(name, (char)('0' + c / 10 % 10));
			put_char(name, (char)('0' + c % 10));
		}
	}
	name->netbios = nibbles;
}

/*
 * Reads a name and moves message->at behind it. `name` may be NULL. False: it is cut, longer than
 * 255 octets, or its pointers do not lead back.
 */
static bool read_name(struct message *message, struct name *name)
{
	size_t at = message->at, limit = message->at, total = 0;
	bool jumped = false;

	if (name)
		*name = (struct name){ 0 };
	for (unsigned pointers = 0; at < message->length;) {
		unsigned length = message->bytes[at];

		if (length >= 0xc0) {
			if (at + 2 > message->length || ++pointers > POINTERS_MAX)
				return false;
			if (!jumped)
				message->at = at + 2;
			jumped = true;
			at = sf_load_be16(message->bytes + at) & 0x3fff;
			/* a pointer leads back, before the name that has it */
			if (at >= limit)
				return false;
			limit = at;
			continue;
		}
		total += 1 + length;
		if (length > 63 || total > 255 || at + 1 + length > message->length)
			return false;
		if (length && name)
			put_label(name, message->bytes + at + 1, length);
		at += 1 + length;
		if (length)
			continue;
		if (!jumped)
			message->at = at;
		if (name && !name->length)
			put_char(name, '.');
		return true;
	}
	return false;
}

static bool has(const struct message *message, size_t bytes)
{
	return message->length - message->at >= bytes;
}

/* The header of a message that can be DNS: counts, opcode and code are in their ranges. */
static bool is_header(const struct message *message)
{
	const uint8_t *p = message->bytes;
	unsigned flags, opcode, questions, answers;

	if (message->length < HEADER)
		return false;
	flags = sf_load_be16(p + 2);
	opcode = flags >> 11 & 15;
	questions = sf_load_be16(p + 4);
	answers = sf_load_be16(p + 6);
	/* the bit Z; opcodes 3, and from 7 on, are not assigned; nor are codes above 11 */
	if (flags & 0x0040 || opcode == 3 || opcode > 6 || (flags & 15) > 11 ||
		answers > SECTION_MAX || sf_load_be16(p + 8) > SECTION_MAX ||
		sf_load_be16(p + 10) > SECTION_MAX)
		return false;
	if (flags & 0x8000) /* a response; those of multicast DNS have no question */
		return questions == 1 || (questions == 0 && (answers || flags & 15));
	return questions >= 1 && questions <= 64 && !(flags & 15);
}

static bool is_class(unsigned class)
{
	class &= CLASS_MASK;
	return class == CLASS_IN || class == 3 || class == 4 || class == 254 || class == 255;
}

/* A message of one question that ends with it, or goes on with what its header promises. */
static bool is_complete(const struct message *message)
{
	const uint8_t *p = message->bytes;
	unsigned more = sf_load_be16(p + 6) + sf_load_be16(p + 8) + sf_load_be16(p + 10);

	if (sf_load_be16(p + 4) > 1)
		return true;
	return more ? message->wire - message->at >= 11 * (size_t)more
		    : message->wire == message->at;
}

/* Text of an address or of the name in a record's data; 0: neither. Returns its length. */
static unsigned answer_text(struct message *message, unsigned type, size_t length, char *text)
{
	const uint8_t *data = message->bytes + message->at;
	struct name name;

	if (type == TYPE_A && length == 4)
		return (unsigned)snprintf(
			text, NAME_MAX_TEXT + 1, "%u.%u.%u.%u", data[0], data[1], data[2], data[3]);
	if (type == TYPE_AAAA && length == 16)
		return inet_ntop(AF_INET6, data, text, NAME_MAX_TEXT + 1) ? (unsigned)strlen(text)
									  : 0;
	if ((type != TYPE_CNAME && type != TYPE_NS && type != TYPE_PTR) ||
		!read_name(message, &name))
		return 0;
	memcpy(text, name.text, name.length);
	return name.length;
}

/* The first address among the answers, or else the first name. Returns the text's length. */
static unsigned read_answers(struct message *message, unsigned count, char *text)
{
	char later[NAME_MAX_TEXT + 1];
	unsigned found = 0;

	for (unsigned i = 0; i < count && i < RECORDS_MAX; i++) {
		unsigned type, class, length, got;
		size_t next;

		if (!read_name(message, NULL) || !has(message, 10))
			break;
		type = sf_load_be16(message->bytes + message->at);
		class = sf_load_be16(message->bytes + message->at + 2);
		length = sf_load_be16(message->bytes + message->at + 8);
		message->at += 10;
		if (!has(message, length))
			break;
		next = message->at + length;
		got = (class & CLASS_MASK) == CLASS_IN ? answer_text(message, type, length, later)
						       : 0;
		message->at = next;
		if (got && (!found || type == TYPE_A || type == TYPE_AAAA)) {
			memcpy(text, later, got);
			found = got;
			if (type == TYPE_A || type == TYPE_AAAA)
				break;
		}
	}
	return found;
}

/* The name that a message without a question is about: that of its first answer. */
static bool read_subject(struct message *message, struct name *name, unsigned *type)
{
	size_t answers = message->at;

	if (!read_name(message, name) || !has(message, 4))
		return false;
	*type = sf_load_be16(message->bytes + message->at);
	if (!is_class(sf_load_be16(message->bytes + message->at + 2)))
		return false;
	message->at = answers;
	return true;
}

static bool read_question(struct message *message, struct name *name, unsigned *type)
{
	if (!read_name(message, name) || !has(message, 4))
		return false;
	*type = sf_load_be16(message->bytes + message->at);
	if (!is_class(sf_load_be16(message->bytes + message->at + 2)))
		return false;
	message->at += 4;
	return true;
}

static bool read_message(struct message *message, bool hint, struct sf_app *app)
{
	unsigned flags, questions, type = 0, length = 0;
	struct sf_app_writer writer = { .app = app };
	char answer[NAME_MAX_TEXT + 1];
	struct name name;

	if (sf_likely(!is_header(message)))
		return false;
	flags = sf_load_be16(message->bytes + 2);
	questions = sf_load_be16(message->bytes + 4);
	message->at = HEADER;
	if (!(questions ? read_question : read_subject)(message, &name, &type) || type == 0 ||
		(name.netbios && (type == TYPE_NB || type == TYPE_NBSTAT)))
		return false;
	/* elsewhere than at the usual ports the whole message has to fit */
	if (!hint && (questions != 1 || !is_complete(message)))
		return false;
	if (flags & 0x8000 && questions <= 1)
		length = read_answers(message, sf_load_be16(message->bytes + 6), answer);
	sf_app_begin(app, SF_APP_DNS, SF_APP_READ);
	app->flags = flags & 0x8000 ? SF_APP_ANSWER : 0;
	app->number[0] = (uint16_t)type;
	app->number[1] = flags & 15;
	sf_app_put(&writer, name.text, name.length, NAME_MAX_TEXT);
	sf_app_put(&writer, answer, length, NAME_MAX_TEXT);
	return true;
}

bool sf_app_dns(const struct sf_payload *payload, struct sf_app *app)
{
	struct message message = { payload->bytes, payload->length, payload->wire, 0 };
	bool hint = sf_payload_port(payload, PORT_DNS) || sf_payload_port(payload, PORT_MDNS) ||
		    sf_payload_port(payload, PORT_LLMNR);
	size_t length;

	if (sf_payload_port(payload, PORT_NETBIOS))
		return false;
	if (!payload->tcp)
		return read_message(&message, hint, app);
	/* over TCP a message has its length in front; further ones may follow */
	if (payload->length < 2 + HEADER)
		return false;
	length = sf_load_be16(payload->bytes);
	if (length < HEADER || (!hint && length + 2 != payload->wire))
		return false;
	message.bytes += 2;
	message.length -= 2;
	message.wire = length;
	if (message.length > length)
		message.length = length;
	return read_message(&message, hint, app);
}
