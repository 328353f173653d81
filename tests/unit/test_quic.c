/* SPDX-License-Identifier: BSD-2-Clause */
/* Initial packets of QUIC clients: the RFCs' keys, and packets that are encrypted here. */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "apps/hello.h"
#include "apps/quic.h"
#include "base/annex.h"
#include "base/wire.h"
#include "check_main.h"

enum { V1 = 1, V2 = 0x6b3343cf, DATAGRAM = 1252 };

static const uint8_t id[8] = { 0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08 };

static void check_bytes(const uint8_t *bytes, size_t length, const char *hex)
{
	char text[80];

	for (size_t i = 0; i < length; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	ck_assert_str_eq(text, hex);
}

/* The keys as a run makes them. */
static void make_keys(struct sf_quic_keys *keys, const struct sf_quic_initial *initial)
{
	struct sf_error error;
	const struct sf_cipher_ops *ops = sf_cipher_load(&error);
	struct sf_cipher *cipher;

	ck_assert_msg(ops != NULL, "%s", error.text);
	cipher = ops->create();
	ck_assert(sf_quic_client_keys(ops, cipher, keys, initial));
	ops->destroy(cipher);
}

/* RFC 9001 appendix A.1, RFC 9369 appendix A.1. */
START_TEST(keys_are_those_of_the_rfcs)
{
	struct sf_quic_initial initial = { .id = id, .id_length = sizeof(id), .version = V1 };
	struct sf_quic_keys keys = { 0 };

	make_keys(&keys, &initial);
	check_bytes(keys.key, 16, "1f369613dd76d5467730efcbe3b1a22d");
	check_bytes(keys.nonce, 12, "fa044b2f42a3fd3b46fb255c");
	check_bytes(keys.header, 16, "9f50449e04a0e810283a1e9933adedd2");
	initial.version = V2;
	make_keys(&keys, &initial);
	check_bytes(keys.key, 16, "8b1a0bc121284290a29e0971b5cd045d");
	check_bytes(keys.nonce, 12, "91f73e2351d8fa91660e909f");
	check_bytes(keys.header, 16, "45b95e15235d6f45a6b19cbcb0294ba9");
	/* the same keys are kept, others are made */
	memset(keys.nonce, 7, sizeof(keys.nonce));
	make_keys(&keys, &initial);
	check_bytes(keys.nonce, 12, "070707070707070707070707");
	initial.id = (const uint8_t[]){ 0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x09 };
	make_keys(&keys, &initial);
	ck_assert(memcmp(keys.nonce, "\7\7\7\7\7\7\7\7\7\7\7", 12) != 0);
	initial.id = id;
	initial.version = V1;
	make_keys(&keys, &initial);
	check_bytes(keys.key, 16, "1f369613dd76d5467730efcbe3b1a22d");
}
END_TEST

/* ---------------------------------------------------------------- packets */

static uint8_t hello[2048];
static size_t hello_length;

/* A client hello with a server name, and `padding` bytes in an extension. */
static void make_hello(size_t padding)
{
	static const uint8_t name[] = { 0, 0, 0, 16, 0, 14, 0, 0, 11, 'e', 'x', 'a', 'm', 'p', 'l',
		'e', '.', 'o', 'r', 'g', 0, 16, 0, 5, 0, 3, 2, 'h', '3', 0, 43, 0, 3, 2, 3, 4, 0,
		21 };
	uint8_t *p = hello;

	memset(hello, 0, sizeof(hello));
	memcpy(hello, "\x01\0\0\0\x03\x03", 6);
	p += 6 + 32 + 1;
	memcpy(p, "\0\x02\x13\x01\x01", 5);
	p += 6;
	p = sf_store_be16(p, (uint16_t)(sizeof(name) + 2 + padding));
	memcpy(p, name, sizeof(name));
	p = sf_store_be16(p + sizeof(name), (uint16_t)padding);
	hello_length = (size_t)(p + padding - hello);
	sf_store_be16(hello + 2, (uint16_t)(hello_length - 4));
}

struct frames {
	uint8_t bytes[1400];
	size_t length;
};

/* A CRYPTO frame with the hello's bytes from … to-1. */
static void put_crypto(struct frames *frames, size_t from, size_t to)
{
	uint8_t *p = frames->bytes + frames->length;

	*p++ = 6;
	p = sf_store_be16(p, (uint16_t)(0x4000 | from));
	p = sf_store_be16(p, (uint16_t)(0x4000 | (to - from)));
	memcpy(p, hello + from, to - from);
	frames->length = (size_t)(p + (to - from) - frames->bytes);
}

/* Encrypts with AES-128 in the mode of `type`. */
static void encrypt(const EVP_CIPHER *type, const uint8_t *key, const uint8_t *nonce,
	const uint8_t *aad, size_t aad_length, const uint8_t *from, size_t length, uint8_t *to,
	uint8_t *tag)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	ck_assert(EVP_EncryptInit_ex(ctx, type, NULL, key, nonce));
	if (aad)
		ck_assert(EVP_EncryptUpdate(ctx, NULL, &n, aad, (int)aad_length));
	ck_assert(EVP_EncryptUpdate(ctx, to, &n, from, (int)length));
	if (tag) {
		ck_assert(EVP_EncryptFinal_ex(ctx, to + n, &n));
		ck_assert(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SF_TAG_BYTES, tag));
	}
	EVP_CIPHER_CTX_free(ctx);
}

/* The Initial packet number `number` with these frames and padding, a whole datagram. */
static void seal(uint8_t *packet, uint32_t version, uint8_t number, const struct frames *frames)
{
	struct sf_quic_initial initial = { .id = id, .id_length = sizeof(id), .version = version };
	uint8_t plain[DATAGRAM] = { 0 }, mask[16], *p = packet;
	struct sf_quic_keys keys = { 0 };
	size_t header, length;

	*p++ = version == V2 ? 0xd1 : 0xc1; /* a packet number of two bytes */
	p = sf_store_be32(p, version);
	*p++ = sizeof(id);
	memcpy(p, id, sizeof(id));
	p += sizeof(id);
	*p++ = 0;
	*p++ = 3; /* a token */
	p += 3;
	header = (size_t)(p - packet) + 4;
	sf_store_be16(p, (uint16_t)(0x4000 | (DATAGRAM - header + 2)));
	p = sf_store_be16(p + 2, number);
	length = DATAGRAM - header - SF_TAG_BYTES;
	memcpy(plain, frames->bytes, frames->length);
	make_keys(&keys, &initial);
	keys.nonce[11] ^= number;
	encrypt(EVP_aes_128_gcm(), keys.key, keys.nonce, packet, header, plain, length, p,
		packet + DATAGRAM - SF_TAG_BYTES);
	encrypt(EVP_aes_128_ecb(), keys.header, NULL, NULL, 0, packet + header + 2, 16, mask, NULL);
	packet[0] ^= mask[0] & 0x0f;
	packet[header - 2] ^= mask[1];
	packet[header - 1] ^= mask[2];
}

/* What is told of the datagram in a packet of UDP over IPv4; NULL: nothing. */
static const struct sf_app *look(struct sf_apps *apps, const uint8_t *datagram, size_t length)
{
	uint8_t *bytes = calloc(1, 28 + length);
	struct sf_packet packet = { .data = bytes, .captured = (uint32_t)(28 + length) };
	struct sf_facts facts = { .version = 4, .protocol = 17, .octets = (uint32_t)(28 + length) };

	ck_assert_ptr_nonnull(bytes);
	bytes[0] = 0x45;
	sf_store_be16(bytes + 24, (uint16_t)(8 + length));
	memcpy(bytes + 28, datagram, length);
	sf_apps_look(apps, &packet, &facts);
	free(bytes);
	return facts.tcp_flags & SF_TCP_FLAGS_APP ? facts.app : NULL;
}

static void check_whole(const struct sf_app *app)
{
	ck_assert_ptr_nonnull(app);
	ck_assert_uint_eq(app->kind, SF_APP_QUIC);
	ck_assert_uint_eq(app->rank, SF_APP_READ);
	ck_assert_uint_eq(app->number[0], 0x0304);
	ck_assert_mem_eq(sf_app_text(app, SF_APP_TLS_NAME), "\13example.org", 12);
	ck_assert_mem_eq(sf_app_text(app, SF_APP_TLS_JA4), "\44q13d0104h3_", 12);
}

static struct sf_apps *new_apps(void)
{
	struct sf_apps *apps;

	ck_assert_int_eq(
		sf_apps_new(&apps, SF_FACT_SET(app) | SF_FACT_SET(quic) | SF_FACT_SET(ja4)), 0);
	return apps;
}

START_TEST(hellos_of_clients_are_read)
{
	static const uint32_t versions[] = { V1, V2, 0xff00001d, 0xff00001b };
	struct sf_apps *apps = new_apps();
	uint8_t packet[DATAGRAM];

	make_hello(100);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		struct frames frames = { 0 };

		put_crypto(&frames, 0, hello_length);
		seal(packet, versions[i], 0, &frames);
		check_whole(look(apps, packet, sizeof(packet)));
	}
	/* not a version, not whole, not long enough */
	sf_store_be32(packet + 1, 0xff000099);
	ck_assert_ptr_null(look(apps, packet, sizeof(packet)));
	sf_store_be32(packet + 1, 0xff00001b);
	ck_assert_ptr_null(look(apps, packet, sizeof(packet) - 1));
	packet[sizeof(packet) - 1] ^= 1;
	ck_assert_ptr_null(look(apps, packet, sizeof(packet)));
	sf_apps_free(apps);
}
END_TEST

START_TEST(frames_come_in_any_order)
{
	struct sf_apps *apps = new_apps();
	uint8_t packet[DATAGRAM];
	struct frames frames = { 0 }, second = { 0 };

	make_hello(100);
	/*
	 * an acknowledgement, the hello from behind in twenty pieces, pings and padding between
	 * them
	 */
	memcpy(frames.bytes, "\x02\0\0\0\0", 5);
	frames.length = 5;
	for (unsigned i = 20; i > 0; i--) {
		put_crypto(&frames, hello_length * (i - 1) / 20, hello_length * i / 20);
		memcpy(frames.bytes + frames.length, "\x01\0\0", 3);
		frames.length += 3;
	}
	seal(packet, V1, 1, &frames);
	check_whole(look(apps, packet, sizeof(packet)));
	/* in two datagrams, the end first */
	make_hello(1500);
	frames = (struct frames){ 0 };
	put_crypto(&frames, 900, hello_length);
	seal(packet, V1, 0, &frames);
	ck_assert_uint_eq(look(apps, packet, sizeof(packet))->rank, SF_APP_NAMED);
	put_crypto(&second, 0, 1000);
	seal(packet, V1, 1, &second);
	check_whole(look(apps, packet, sizeof(packet)));
	sf_apps_free(apps);
}
END_TEST

START_TEST(what_is_not_read_is_counted)
{
	struct sf_apps *apps = new_apps();
	uint8_t packet[DATAGRAM];
	struct frames frames = { 0 };
	struct sf_hellos hellos;

	make_hello(100);
	put_crypto(&frames, 0, hello_length);
	seal(packet, V1, 0, &frames);
	check_whole(look(apps, packet, sizeof(packet)));
	packet[sizeof(packet) - 1] ^= 1;
	ck_assert_ptr_null(look(apps, packet, sizeof(packet)));
	/* a frame of a stream */
	seal(packet, V1, 0, &(struct frames){ .bytes = { 8 }, .length = 1 });
	ck_assert_uint_eq(look(apps, packet, sizeof(packet))->rank, SF_APP_NAMED);
	/* a server's hello, one whose lengths contradict each other, one that is too long */
	for (unsigned i = 0; i < 3; i++) {
		frames.length = 0;
		make_hello(100);
		hello[0] = i == 0 ? 2 : 1;
		hello[38] = i == 1 ? 33 : 0;
		hello[2] = i == 2 ? 0x20 : hello[2];
		put_crypto(&frames, 0, hello_length);
		seal(packet, V1, 0, &frames);
		ck_assert_uint_eq(look(apps, packet, sizeof(packet))->rank, SF_APP_NAMED);
	}
	hellos = sf_apps_hellos(apps);
	ck_assert_uint_eq(hellos.begun, 6);
	ck_assert_uint_eq(hellos.read, 1);
	ck_assert_uint_eq(hellos.unread[SF_UNREAD_undecryptable], 1);
	ck_assert_uint_eq(hellos.unread[SF_UNREAD_malformed], 3);
	ck_assert_uint_eq(hellos.unread[SF_UNREAD_tooLong], 1);
	/* every other byte of a hello */
	frames.length = 0;
	make_hello(1000);
	for (size_t i = 0; i <= SF_PIECES_RANGES; i++)
		put_crypto(&frames, 2 * i + 1, 2 * i + 2);
	seal(packet, V1, 0, &frames);
	ck_assert_uint_eq(look(apps, packet, sizeof(packet))->rank, SF_APP_NAMED);
	hellos = sf_apps_hellos(apps);
	ck_assert_uint_eq(hellos.unread[SF_UNREAD_scattered], 1);
	ck_assert_uint_eq(hellos.begun, 7);
	sf_apps_free(apps);
}
END_TEST

START_TEST(hostile_packets_are_harmless)
{
	struct sf_pieces_place *place = calloc(1, sizeof(*place));
	uint8_t packet[DATAGRAM], bytes[64];
	struct sf_apps *apps = new_apps();
	struct frames frames = { 0 };
	uint64_t state = 1;

	make_hello(100);
	put_crypto(&frames, 0, hello_length);
	seal(packet, V1, 0, &frames);
	/* any bit of what the keys protect, or of the header */
	for (size_t i = 0; i < sizeof(packet); i += i < 40 ? 1 : 37) {
		packet[i] ^= 0x80;
		ck_assert_ptr_null(look(apps, packet, sizeof(packet)));
		packet[i] ^= 0x80;
	}
	for (size_t length = 0; length < sizeof(packet); length += length < 40 ? 1 : 101)
		ck_assert_ptr_null(look(apps, packet, length));
	/*
	 * frames without sense: a frame of a stream, crypto data beyond the end, a number that is
	 * cut
	 */
	ck_assert(!sf_quic_frames(place, (const uint8_t *)"\x08", 1));
	ck_assert(!sf_quic_frames(place, (const uint8_t *)"\x06\0\x02x", 4));
	ck_assert(!sf_quic_frames(place, (const uint8_t *)"\x06\xc0", 2));
	ck_assert(!sf_quic_frames(place, (const uint8_t *)"\x06\x80\xff\xff\xff\x01x", 7));
	ck_assert(!sf_quic_frames(place, (const uint8_t *)"\x02\0\0\xbf\xff\xff\xff\0", 8));
	for (unsigned i = 0; i < 200000; i++) {
		for (unsigned k = 0; k < sizeof(bytes); k++) {
			state = state * UINT64_C(6364136223846793005) + 1;
			bytes[k] = (uint8_t)(state >> (k % 2 ? 33 : 60));
		}
		place->count = 0;
		place->whole = 0;
		sf_quic_frames(place, bytes, sizeof(bytes));
		ck_assert_uint_le(place->count, SF_PIECES_RANGES);
		ck_assert_uint_le(place->whole, SF_PIECES_BYTES);
	}
	free(place);
	sf_apps_free(apps);
}
END_TEST

CHECK_MAIN("quic", keys_are_those_of_the_rfcs, hellos_of_clients_are_read, frames_come_in_any_order,
	what_is_not_read_is_counted, hostile_packets_are_harmless)
