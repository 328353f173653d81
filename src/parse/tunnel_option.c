/* SPDX-License-Identifier: BSD-2-Clause */
/* --tunnel and --tunnel-port: their text to struct sf_tunnel_options. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <spanflow/error.h>
#include <spanflow/tunnel.h>

#include "base/suggest.h"
#include "parse/tunnel.h"

static const struct mode {
	const char *name;
	enum sf_tunnel_mode mode;
} modes[] = {
	{ "outer", SF_TUNNEL_OUTER },
	{ "inner", SF_TUNNEL_INNER },
	{ "both", SF_TUNNEL_BOTH },
};

static const char *kind_name(const void *context, unsigned i)
{
	(void)context;
	return i < SF_TUNNEL_COUNT ? sf_tunnel_name((enum sf_tunnel_kind)i) : NULL;
}

static const char *port_kind_name(const void *context, unsigned i)
{
	for (unsigned kind = 0; kind < SF_TUNNEL_COUNT; kind++)
		if (sf_tunnel_has_port((enum sf_tunnel_kind)kind) && i-- == 0)
			return kind_name(context, kind);
	return NULL;
}

/* SF_TUNNEL_COUNT: there is no such kind. */
static unsigned find_kind(const char *text, size_t length)
{
	unsigned kind = 0;

	while (kind < SF_TUNNEL_COUNT && (strlen(kind_name(NULL, kind)) != length ||
						 strncmp(kind_name(NULL, kind), text, length) != 0))
		kind++;
	return kind;
}

static enum sf_tunnel_mode find_mode(const char *text, size_t length)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strlen(modes[i].name) == length && strncmp(modes[i].name, text, length) == 0)
			return modes[i].mode;
	return SF_TUNNEL_DEFAULT;
}

static int unknown_kind(const char *option, const char *text, size_t length,
	const char *(*name)(const void *context, unsigned i), struct sf_error *error)
{
	char word[32], list[256] = "";
	const char *near;
	size_t used = 0;

	snprintf(word, sizeof(word), "%.*s", (int)length, text);
	near = sf_suggest(word, name, NULL);
	for (unsigned i = 0; name(NULL, i) && used < sizeof(list); i++)
		used += (size_t)snprintf(
			list + used, sizeof(list) - used, "%s%s", i ? ", " : "", name(NULL, i));
	return sf_error_set(error, SF_EUSAGE, "%s: '%s' is no kind of tunnel: %s%s%s%s", option,
		word, list, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

/* MODE, which is for all kinds but those of mirrors, or KIND=MODE. */
static int set_item(
	struct sf_tunnel_options *options, const char *item, size_t length, struct sf_error *error)
{
	const char *equals = memchr(item, '=', length), *word = equals ? equals + 1 : item;
	size_t word_length = (size_t)(item + length - word);
	enum sf_tunnel_mode mode = find_mode(word, word_length);
	unsigned kind = SF_TUNNEL_COUNT;

	if (equals)
		kind = find_kind(item, (size_t)(equals - item));
	if (equals && kind == SF_TUNNEL_COUNT)
		return unknown_kind("--tunnel", item, (size_t)(equals - item), kind_name, error);
	if (mode == SF_TUNNEL_DEFAULT)
		return sf_error_set(error, SF_EUSAGE,
			"--tunnel: '%.*s' is no mode (allowed: outer, inner or both for all "
			"tunnels; KIND=MODE for one kind, as in gre=inner,vxlan=outer)",
			(int)length, item);
	if (equals) {
		options->mode[kind] = (uint8_t)mode;
		return 0;
	}
	for (kind = 0; kind < SF_TUNNEL_COUNT; kind++)
		if (sf_tunnel_mirrors((enum sf_tunnel_kind)kind) != SF_TUNNEL_MIRRORS_ALWAYS)
			options->mode[kind] = (uint8_t)mode;
	return 0;
}

int sf_tunnel_options_add(
	struct sf_tunnel_options *options, const char *text, struct sf_error *error)
{
	struct sf_tunnel_options before = *options;

	for (const char *item = text;; item++) {
		size_t length = strcspn(item, ",");
		int err = set_item(options, item, length, error);

		if (err)
			return err;
		item += length;
		if (!*item)
			break;
	}
	/* NVGRE is GRE with a key and Ethernet inside, so gre means it too, unless it is named */
	if (options->mode[SF_TUNNEL_NVGRE] == before.mode[SF_TUNNEL_NVGRE] &&
		options->mode[SF_TUNNEL_GRE] != before.mode[SF_TUNNEL_GRE] &&
		!strstr(text, "nvgre="))
		options->mode[SF_TUNNEL_NVGRE] = options->mode[SF_TUNNEL_GRE];
	return 0;
}

int sf_tunnel_options_add_port(
	struct sf_tunnel_options *options, const char *text, struct sf_error *error)
{
	const char *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : 0;
	unsigned kind = find_kind(text, length);
	unsigned long port;
	char *end;

	if (!equals)
		return sf_error_set(error, SF_EUSAGE,
			"--tunnel-port: '%s' is not a kind of tunnel and a port, such as "
			"vxlan=8473",
			text);
	if (kind == SF_TUNNEL_COUNT || !sf_tunnel_has_port((enum sf_tunnel_kind)kind))
		return unknown_kind("--tunnel-port", text, length, port_kind_name, error);
	port = strtoul(equals + 1, &end, 10);
	if (equals[1] < '0' || equals[1] > '9' || *end || port < 1 || port > UINT16_MAX)
		return sf_error_set(
			error, SF_EUSAGE, "--tunnel-port: '%s': the port is not 1 to 65535", text);
	if (options->port_count == SF_TUNNEL_PORTS_MAX)
		return sf_error_set(
			error, SF_EUSAGE, "--tunnel-port: more than %d ports", SF_TUNNEL_PORTS_MAX);
	options->ports[options->port_count].port = (uint16_t)port;
	options->ports[options->port_count++].kind = (uint8_t)kind;
	return 0;
}

/* The port is the first one of the list, which counts if there are several. */
static int put_port_first(struct sf_tunnel_options *options, uint16_t port, unsigned kind,
	const char *source, struct sf_error *error)
{
	if (options->port_count == SF_TUNNEL_PORTS_MAX)
		return sf_error_set(error, SF_EUSAGE,
			"-i %s: more than %d ports of tunnels, with those of --tunnel-port", source,
			SF_TUNNEL_PORTS_MAX);
	memmove(&options->ports[1], &options->ports[0],
		options->port_count * sizeof(options->ports[0]));
	options->ports[0].port = port;
	options->ports[0].kind = (uint8_t)kind;
	options->port_count++;
	return 0;
}

int sf_tunnel_options_add_socket(struct sf_tunnel_options *options, uint16_t port, const char *kind,
	const char *source, struct sf_error *error)
{
	unsigned found = *kind ? find_kind(kind, strlen(kind)) : sf_tunnel_of_port(options, port);
	char option[128];

	snprintf(option, sizeof(option), "-i %s", source);
	options->only = true;
	if (!port) {
		options->mirror = true;
		return 0;
	}
	if (*kind && (found == SF_TUNNEL_COUNT || !sf_tunnel_has_port((enum sf_tunnel_kind)found)))
		return unknown_kind(option, kind, strlen(kind), port_kind_name, error);
	if (found == SF_TUNNEL_COUNT)
		return sf_error_set(error, SF_EUSAGE,
			"-i %s: port %u does not say what is sent there: add ,kind=vxlan or "
			"another kind of tunnel that UDP carries",
			source, port);
	if (sf_tunnel_mirrors((enum sf_tunnel_kind)found) == SF_TUNNEL_MIRRORS_SOMETIMES)
		options->mirror = true;
	else if (options->mode[found] == SF_TUNNEL_DEFAULT)
		options->mode[found] = SF_TUNNEL_INNER;
	return *kind ? put_port_first(options, port, found, source, error) : 0;
}
