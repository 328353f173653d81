/* SPDX-License-Identifier: BSD-2-Clause */
/* A source as people write it, "[DRIVER:]NAME[+NAME…]": driver and names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spanflow/plan.h>

#include "base/suggest.h"

#define POINT_MAX 16 /* interfaces that one observation point may join */

static const char *live_driver_name(const void *context, unsigned i)
{
	(void)context;
	for (unsigned at = 0; sf_capture_drivers[at]; at++)
		if (strcmp(sf_capture_drivers[at]->name, "file") != 0 && i-- == 0)
			return sf_capture_drivers[at]->name;
	return NULL;
}

/* The driver that is meant by names such as "af_xdp", "afxdp" or "libpcap"; NULL: none. */
static const char *similar_driver(const char *name)
{
	const char *candidate;

	for (unsigned i = 0; (candidate = live_driver_name(NULL, i)) != NULL; i++)
		if (strcasestr(name, candidate))
			return candidate;
	return sf_suggest(name, live_driver_name, NULL);
}

static void no_driver(const char *text, const char *name, struct sf_error *error)
{
	const char *near = similar_driver(name);

	if (near && strcmp(near, name) != 0)
		sf_error_set(error, SF_EUSAGE, "-i %s: unknown driver '%s': did you mean -i %s:%s?",
			text, name, near, strchr(text, ':') + 1);
	else
		sf_error_set(error, strcmp(name, "pcap") == 0 ? SF_EUNSUPPORTED : SF_EUSAGE,
			"-i %s: this build has no driver '%s': 'spanflow list drivers' tells which "
			"there are, and why others are not",
			text, name);
}

/* The driver of "driver:rest", with *rest moved on; libpcap's for a bare name. NULL: none. */
static const char *choose_driver(const char **rest, const char *text, struct sf_error *error)
{
	const char *colon = strchr(text, ':');
	char name[16] = "pcap";
	const struct sf_capture_ops *ops;

	*rest = text;
	if (colon) {
		snprintf(name, sizeof(name), "%.*s", (int)(colon - text), text);
		*rest = colon + 1;
	}
	ops = strcmp(name, "file") != 0 ? sf_capture_driver(name) : NULL;
	if (ops)
		return ops->name;
	no_driver(text, name, error);
	return NULL;
}

/* Splits at each '+'. Returns the number of names, or SF_EUSAGE. */
static int split_names(const char **names, char *rest, const char *text, struct sf_error *error)
{
	int count = 0;

	for (char *name; (name = strsep(&rest, "+")) != NULL;) {
		if (!*name)
			return sf_error_set(
				error, SF_EUSAGE, "-i %s: an interface name is empty", text);
		if (count == POINT_MAX)
			return sf_error_set(error, SF_EUSAGE, "-i %s: more than %d interfaces",
				text, POINT_MAX);
		names[count++] = name;
	}
	return count;
}

int sf_plan_source_parse(struct sf_plan_source *source, const char *text, struct sf_error *error)
{
	const char *rest, *driver = choose_driver(&rest, text, error);
	const char **names;
	char *copy;
	int count = 1;

	if (!driver)
		return SF_EUSAGE;
	/* one block: the names, and the text that they point to */
	names = malloc(POINT_MAX * sizeof(*names) + strlen(rest) + 1);
	if (!names)
		return sf_error_set(error, -ENOMEM, "out of memory");
	copy = strcpy((char *)(names + POINT_MAX), rest);
	/* a DPDK device string is taken as it is */
	if (strcmp(driver, "dpdk") == 0)
		names[0] = copy;
	else
		count = split_names(names, copy, text, error);
	if (count < 0) {
		free(names);
		return count;
	}
	source->text = text;
	source->driver = driver;
	source->names = names;
	source->name_count = (unsigned)count;
	return 0;
}

void sf_plan_source_free(struct sf_plan_source *source)
{
	/* made by sf_plan_source_parse() */
	free((void *)source->names);
	source->names = NULL;
	source->name_count = 0;
}
