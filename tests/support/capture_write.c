/* SPDX-License-Identifier: BSD-2-Clause */
/* See capture_write.h. Formats: draft-ietf-opsawg-pcap, -pcapng; RFC 1952, 1951, 8878. */
#include "capture_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cw_free(struct cw *cw)
{
	free(cw->data);
	memset(cw, 0, sizeof(*cw));
}

void cw_bytes(struct cw *cw, const void *bytes, size_t length)
{
	if (cw->room - cw->size < length) {
		cw->room = (cw->size + length) * 2;
		cw->data = realloc(cw->data, cw->room);
		if (!cw->data) {
			perror("capture_write");
			exit(EXIT_FAILURE);
		}
	}
	if (length)
		memcpy(cw->data + cw->size, bytes, length);
	cw->size += length;
}

/* `size` octets of `value`, in the file's byte order. */
static void number(struct cw *cw, uint64_t value, unsigned size)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < size; i++)
		bytes[cw->flags & CW_BIG_ENDIAN ? size - 1 - i : i] = (uint8_t)(value >> 8 * i);
	cw_bytes(cw, bytes, size);
}

/* -------------------------------------------------------------------------- pcap */

void cw_pcap(struct cw *cw, uint32_t link, uint32_t snaplen, unsigned flags)
{
	cw->flags = flags;
	number(cw, flags & CW_NANO ? 0xa1b23c4d : 0xa1b2c3d4, 4);
	number(cw, 2, 2);
	number(cw, 4, 2);
	number(cw, 0, 4);
	number(cw, 0, 4);
	number(cw, snaplen, 4);
	number(cw, link, 4);
}

void cw_record(
	struct cw *cw, int64_t time_ns, const uint8_t *frame, uint32_t captured, uint32_t wire)
{
	uint64_t fraction = (uint64_t)(time_ns % 1000000000);

	number(cw, (uint64_t)(time_ns / 1000000000), 4);
	number(cw, cw->flags & CW_NANO ? fraction : fraction / 1000, 4);
	number(cw, captured, 4);
	number(cw, wire, 4);
	cw_bytes(cw, frame, captured);
}

/* ------------------------------------------------------------------------ pcapng */

static void pad(struct cw *cw)
{
	while (cw->size % 4)
		cw_bytes(cw, "", 1);
}

/* Returns where the block began, for end_block(). */
static size_t begin_block(struct cw *cw, uint32_t type)
{
	size_t at = cw->size;

	number(cw, type, 4);
	number(cw, 0, 4);
	return at;
}

static void end_block(struct cw *cw, size_t at)
{
	struct cw length = { .flags = cw->flags };

	pad(cw);
	number(cw, cw->size - at + 4, 4);
	number(&length, cw->size - at, 4);
	memcpy(cw->data + at + 4, length.data, 4);
	cw_free(&length);
}

static void option(struct cw *cw, uint16_t code, const void *value, uint16_t length)
{
	number(cw, code, 2);
	number(cw, length, 2);
	cw_bytes(cw, value, length);
	pad(cw);
}

void cw_section(struct cw *cw, unsigned flags)
{
	size_t at;

	cw->flags = flags;
	cw->interfaces = 0;
	at = begin_block(cw, 0x0a0d0d0a);
	number(cw, 0x1a2b3c4d, 4);
	number(cw, 1, 2);
	number(cw, 0, 2);
	number(cw, UINT64_MAX, 8);
	end_block(cw, at);
}

void cw_interface(
	struct cw *cw, uint16_t link, uint32_t snaplen, uint8_t resolution, const char *name)
{
	size_t at = begin_block(cw, 1);

	cw->resolution[cw->interfaces++] = resolution;
	number(cw, link, 2);
	number(cw, 0, 2);
	number(cw, snaplen, 4);
	if (name)
		option(cw, 2, name, (uint16_t)strlen(name));
	if (resolution != 6)
		option(cw, 9, &resolution, 1);
	option(cw, 0, NULL, 0);
	end_block(cw, at);
}

/* Nanoseconds in units of an interface. */
static uint64_t in_units(uint8_t resolution, int64_t time_ns)
{
	uint64_t seconds = (uint64_t)time_ns / 1000000000,
		 fraction = (uint64_t)time_ns % 1000000000;
	uint64_t units = 1;

	if (resolution & 0x80)
		return (seconds << (resolution & 0x7f)) +
		       (fraction << (resolution & 0x7f)) / 1000000000;
	for (unsigned i = 0; i < resolution; i++)
		units *= 10;
	return seconds * units + (units > 1000000000 ? fraction * (units / 1000000000)
						     : fraction / (1000000000 / units));
}

void cw_packet(struct cw *cw, unsigned interface, int64_t time_ns, const uint8_t *frame,
	uint32_t captured, uint32_t wire)
{
	uint64_t time = in_units(cw->resolution[interface], time_ns);
	size_t at = begin_block(cw, 6);

	number(cw, interface, 4);
	number(cw, time >> 32, 4);
	number(cw, time & UINT32_MAX, 4);
	number(cw, captured, 4);
	number(cw, wire, 4);
	cw_bytes(cw, frame, captured);
	end_block(cw, at);
}

void cw_simple_packet(struct cw *cw, const uint8_t *frame, uint32_t captured, uint32_t wire)
{
	size_t at = begin_block(cw, 3);

	number(cw, wire, 4);
	cw_bytes(cw, frame, captured);
	end_block(cw, at);
}

void cw_unknown_block(struct cw *cw, uint32_t type, const void *bytes, uint32_t length)
{
	size_t at = begin_block(cw, type);

	cw_bytes(cw, bytes, length);
	end_block(cw, at);
}

/* ------------------------------------------------------------- compressed formats */

static uint32_t crc32(const uint8_t *p, size_t length)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < length; i++) {
		crc ^= p[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static void replace(struct cw *cw, struct cw *with)
{
	cw_free(cw);
	*cw = *with;
}

/* RFC 1952 with stored blocks of RFC 1951 §3.2.4. */
void cw_gzip(struct cw *cw)
{
	static const uint8_t head[10] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };
	struct cw out = { 0 };
	size_t at = 0;

	cw_bytes(&out, head, sizeof(head));
	do {
		size_t length = cw->size - at < 60000 ? cw->size - at : 60000;

		number(&out, at + length == cw->size, 1);
		number(&out, length, 2);
		number(&out, ~length & 0xffff, 2);
		cw_bytes(&out, cw->data + at, length);
		at += length;
	} while (at < cw->size);
	number(&out, crc32(cw->data, cw->size), 4);
	number(&out, cw->size, 4);
	replace(cw, &out);
}

/* RFC 8878 §3.1.1: a window of 128 KiB, no content size, no checksum; raw blocks. */
void cw_zstd(struct cw *cw)
{
	struct cw out = { 0 };
	size_t at = 0;

	number(&out, 0xfd2fb528, 4);
	number(&out, 0, 1);
	number(&out, (17 - 10) << 3, 1);
	do {
		size_t length = cw->size - at < 100000 ? cw->size - at : 100000;

		number(&out, length << 3 | (at + length == cw->size), 3);
		cw_bytes(&out, cw->data + at, length);
		at += length;
	} while (at < cw->size);
	replace(cw, &out);
}
