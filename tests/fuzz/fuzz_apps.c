/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All readers of payload on any bytes. The first byte says how: an even one gives the payload to
 * each reader by itself, in an allocation of its exact size; an odd one makes segments of one flow
 * of it, as many as the second byte says, so that pieces are put together. What a reader tells is
 * well-formed: texts end within the structure, and the fields of a record can be taken from it.
 * Frames of QUIC are read as if they had been decrypted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/apps.h"
#include "apps/certificate.h"
#include "apps/quic.h"
#include "apps/reader.h"
#include "base/annex.h"
#include "base/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define same(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "fuzz_apps: not so: %s\n", #condition);                    \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void check_told(const struct sf_app *app)
{
	const uint8_t *end = (const uint8_t *)(app + 1), *p = app->text;

	same(app->kind < SF_APP_KINDS);
	same(app->rank <= SF_APP_READ_ON &&
		(app->kind != SF_APP_NONE) == (app->rank != SF_APP_ABSENT));
	for (unsigned i = 0; i < 5; i++, p += 1 + *p) {
		same(p < end && p + 1 + *p <= end && *p <= 254);
		same(sf_app_text(app, i) == p);
	}
}

static void check_inside(struct sf_bytes part, const uint8_t *bytes, size_t size)
{
	same(!part.p || (part.p >= bytes && part.p <= bytes + size &&
				part.length <= (size_t)(bytes + size - part.p)));
}

static void read_alone(const uint8_t *data, size_t size)
{
	static sf_app_reader *const readers[] = { sf_app_dns, sf_app_tls, sf_app_http, sf_app_ssh };
	struct sf_certificate_names names;
	uint8_t *copy = malloc(size ? size : 1);
	struct sf_pieces_place *place = calloc(1, sizeof(*place));

	same(copy && place);
	memcpy(copy, data, size);
	for (size_t i = 0; size && i < sizeof(readers) / sizeof(readers[0]); i++)
		for (unsigned tcp = 0; tcp < 2; tcp++)
			for (uint16_t port = 0; port <= 53; port += 53) {
				const struct sf_payload payload = { .bytes = copy,
					.length = size,
					.wire = size,
					.ports = { 40000, port },
					.tcp = tcp,
					.ja4 = true,
					.certificate = true };
				struct sf_app app;

				if (!readers[i](&payload, &app))
					continue;
				check_told(&app);
				same(app.kind != SF_APP_NONE);
			}
	for (unsigned cut = 0; cut < 2; cut++)
		if (sf_certificate_read(&names, (struct sf_bytes){ copy, size }, cut)) {
			check_inside(names.common, copy, size);
			check_inside(names.dns, copy, size);
		}
	sf_quic_frames(place, copy, size);
	same(place->whole <= SF_PIECES_BYTES && place->count <= SF_PIECES_RANGES);
	free(copy);
	free(place);
}

static void look(struct sf_apps *apps, const uint8_t *data, size_t size, uint32_t seq, bool tcp)
{
	const unsigned header = tcp ? 40 : 28;
	uint8_t *bytes = calloc(1, header + size);
	struct sf_packet packet = { .data = bytes, .captured = (uint32_t)(header + size) };
	struct sf_facts facts = {
		.version = 4, .protocol = tcp ? 6 : 17, .octets = (uint32_t)(header + size)
	};

	same(bytes != NULL);
	bytes[0] = 0x45;
	if (tcp) {
		sf_store_be32(bytes + 24, seq);
		bytes[32] = 0x50;
	} else {
		sf_store_be16(bytes + 24, (uint16_t)(8 + size));
	}
	memcpy(bytes + header, data, size);
	sf_apps_look(apps, &packet, &facts);
	if (facts.tcp_flags & SF_TCP_FLAGS_APP) {
		check_told(facts.app);
		same(facts.entropy <= 8000);
	}
	free(bytes);
}

/* Each hello is read, counted by a reason, or waits. */
static void check_hellos(const struct sf_apps *apps)
{
	const struct sf_hellos hellos = sf_apps_hellos(apps);
	uint64_t settled = hellos.read;

	for (unsigned i = 0; i < SF_UNREAD_COUNT; i++)
		settled += hellos.unread[i];
	/* the segments are of one flow and direction */
	same(settled <= hellos.begun && hellos.begun - settled <= 1);
}

/*
 * `how`: the number of segments, whether they come from behind, and whether other bytes follow each
 * of them.
 */
static void read_segments(const uint8_t *data, size_t size, uint8_t how)
{
	const size_t count = 1 + how % 8, part = size / count + 1;
	struct sf_apps *apps;

	same(sf_apps_new(&apps, UINT64_MAX) == 0);
	/* the first one first, the others in either order */
	look(apps, data, part < size ? part : size, 0, !(how & 0x40));
	for (size_t i = 1; i < count; i++) {
		size_t n = how & 0x80 ? count - i : i, from = n * part;

		if (from >= size)
			continue;
		look(apps, data + from, size - from < part ? size - from : part, (uint32_t)from,
			!(how & 0x40));
		/* the same place of the stream once more, with other bytes and another length */
		if (how & 0x20)
			look(apps, data, size - from < part ? size : part / 2 + 1, (uint32_t)from,
				!(how & 0x40));
	}
	check_hellos(apps);
	sf_apps_free(apps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 8192)
		return 0;
	if (data[0] % 2)
		read_segments(data + 2, size - 2, data[1]);
	else
		read_alone(data + 2, size - 2);
	return 0;
}
