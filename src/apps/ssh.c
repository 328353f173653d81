/* SPDX-License-Identifier: BSD-2-Clause */
/* The identification that each side of SSH begins with (RFC 4253 §4.2). */
#include "apps/reader.h"
#include "base/branch.h"

enum { BANNER_MOST = 200 };

bool sf_app_ssh(const struct sf_payload *payload, struct sf_app *app)
{
	static const char versions[][9] = { "SSH-2.0-", "SSH-1.99", "SSH-1.5-" };
	const size_t length = sizeof(versions[0]) - 1;
	struct sf_app_writer writer = { .app = app };
	const uint8_t *end;

	if (sf_likely(payload->length < length || payload->bytes[0] != 'S'))
		return false;
	for (size_t i = 0; memcmp(payload->bytes, versions[i], length); i++)
		if (i + 1 == sizeof(versions) / sizeof(versions[0]))
			return false;
	end = memchr(payload->bytes, '\n', payload->length);
	sf_app_begin(app, SF_APP_SSH, end ? SF_APP_READ : SF_APP_NAMED);
	if (!end)
		end = payload->bytes + payload->length;
	if (end[-1] == '\r')
		end--;
	sf_app_put(&writer, payload->bytes, (size_t)(end - payload->bytes), BANNER_MOST);
	return true;
}
