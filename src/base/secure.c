/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/secure.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

bool sf_secure(void)
{
	return getauxval(AT_SECURE) != 0;
}

/* True if the variable stays. A row that ends with an underscore is the begin of a name. */
static bool is_kept(const char *variable)
{
	static const char *const kept[] = { "LANG", "LANGUAGE", "LC_", "TERM", "COLUMNS", "LINES",
		"NO_COLOR", "TZ", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
		"INVOCATION_ID" };

	for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		size_t length = strlen(kept[i]);

		if (strncmp(variable, kept[i], length) == 0 &&
			(kept[i][length - 1] == '_' || variable[length] == '='))
			return true;
	}
	return false;
}

bool sf_secure_environment(void)
{
	unsigned count = 0, used = 0;
	char **left;

	if (!sf_secure())
		return true;
	while (environ && environ[count])
		count++;
	left = calloc(count + 1, sizeof(*left));
	if (!left)
		return false;
	for (unsigned i = 0; i < count; i++)
		if (is_kept(environ[i]))
			left[used++] = environ[i];
	/* never freed: used until the process ends */
	environ = left;
	return true;
}
