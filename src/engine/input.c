/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "base/netdev.h"
#include "base/suggest.h"
#include "base/time_text.h"
#include "engine/input.h"

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

/* The driver of "driver:rest", with *rest moved on; libpcap's for a bare name. */
static const struct sf_capture_ops *choose_driver(
	const char **rest, const char *text, struct sf_error *error)
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
	if (!ops)
		no_driver(text, name, error);
	return ops;
}

static int open_point(struct sf_input *input, const struct sf_capture_ops *ops, char *names,
	struct sf_capture_options *capture, struct sf_error *error)
{
	const char *list[POINT_MAX];

	capture->names = list;
	/* a DPDK device string is taken as it is */
	if (strcmp(ops->name, "dpdk") == 0) {
		list[capture->name_count++] = names;
		return ops->open(&input->capture, capture, error);
	}
	for (char *rest = names, *name; (name = strsep(&rest, "+")) != NULL;) {
		if (!*name)
			return sf_error_set(
				error, SF_EUSAGE, "-i %s: an interface name is empty", input->name);
		if (capture->name_count == POINT_MAX)
			return sf_error_set(error, SF_EUSAGE, "-i %s: more than %d interfaces",
				input->name, POINT_MAX);
		list[capture->name_count++] = name;
	}
	return ops->open(&input->capture, capture, error);
}

/*
 * See sf_capture_options.appeared. Other threads read the entry for packets of this interface only,
 * and none comes before this returns.
 */
static void appeared(void *context, unsigned slot, const struct sf_interface *interface)
{
	struct sf_input *input = context;

	if (slot < input->span)
		input->interfaces->ifindex[input->point.interface_base + slot] = interface->index;
}

int sf_input_open_live(struct sf_input *input, const char *text, const struct sf_options *options,
	const uint32_t *steer_key, const struct sf_helper *helper, struct sf_error *error)
{
	struct sf_capture_options capture = {
		.queues = (unsigned)options->workers,
		.snaplen = (unsigned)options->snaplen,
		.ring_bytes = (unsigned)options->ring_size,
		.immediate = options->immediate,
		.no_promiscuous = options->no_promiscuous,
		.set_rss = options->set_rss,
		.hardware_time = options->hardware_time,
		.keep_offloads = options->keep_offloads,
		.bring_up = !options->keep_link,
		.wait = !options->no_wait,
		.appeared = appeared,
		.context = input,
		.direction = (enum sf_direction)options->direction,
		.driver_options = options->driver_options,
		.filter = options->filter,
		.steer_key = steer_key,
		.helper = helper,
		.wait_ms = SF_WAIT_NEVER,
	};
	const char *rest;
	const struct sf_capture_ops *ops = choose_driver(&rest, text, error);
	char *names = ops ? strdup(rest) : NULL;
	int err;

	if (!ops)
		return error->code;
	if (!names)
		return sf_error_set(error, -ENOMEM, "out of memory");
	input->name = text;
	/* a worker that waits for its own packets must not let others' pile up */
	input->short_wait = options->workers > 1 || strchr(text, '+');
	if (ops && strcmp(ops->name, "dpdk") == 0 && !input->short_wait)
		capture.wait_ms = 0;
	err = open_point(input, ops, names, &capture, error);
	free(names);
	if (!err) {
		input->waits = input->capture->ops->wait != NULL;
		sf_input_learn(input);
	}
	return err;
}

static struct sf_permit *add_permit(
	struct sf_permits *permits, const char *name, int length, struct sf_error *error)
{
	struct sf_permit *permit = &permits->rows[permits->count];

	if (permits->count == SF_PERMITS_MAX) {
		sf_error_set(
			error, SF_EUSAGE, "--interface: more than %d interfaces", SF_PERMITS_MAX);
		return NULL;
	}
	permits->count++;
	/* a name that is too long is complained about where it is opened */
	snprintf(permit->name, sizeof(permit->name), "%.*s", length, name);
	permit->packets = true;
	return permit;
}

/* A device of DPDK over an interface of the kernel: sockets, and switching it on. */
static int permit_device(struct sf_permits *permits, const char *device,
	const struct sf_options *options, struct sf_error *error)
{
	char name[IF_NAMESIZE];
	struct sf_permit *permit;

	if (!sf_netdev_of_device(device, name))
		return 0;
	permit = add_permit(permits, name, IF_NAMESIZE, error);
	if (!permit)
		return error->code;
	permit->settings = options->keep_link ? 0 : SF_ETHTOOL_UP;
	permit->detach = strncmp(device, "net_af_xdp", 10) == 0;
	return 0;
}

/* NAME[+NAME…] */
static int permit_names(struct sf_permits *permits, const char *names, bool xdp,
	const struct sf_options *options, struct sf_error *error)
{
	unsigned merging = xdp ? SF_ETHTOOL_MERGING | SF_ETHTOOL_TAGS : SF_ETHTOOL_MERGING;
	struct sf_permit *permit;

	for (const char *end; *names; names = *end ? end + 1 : end) {
		end = strchrnul(names, '+');
		permit = add_permit(permits, names, (int)(end - names), error);
		if (!permit)
			return error->code;
		permit->xdp = xdp;
		permit->settings = (options->set_rss ? SF_ETHTOOL_RSS : 0) |
				   (options->keep_link ? 0 : SF_ETHTOOL_UP) |
				   (options->keep_offloads ? 0 : merging);
	}
	return 0;
}

int sf_input_permits(
	struct sf_permits *permits, const struct sf_options *options, struct sf_error *error)
{
	int err = 0;

	*permits = (struct sf_permits){ 0 };
	for (unsigned i = 0; i < options->interfaces.count && !err; i++) {
		const char *name = options->interfaces.items[i], *colon = strchr(name, ':');
		bool xdp = strncmp(name, "xdp:", 4) == 0;

		if (strncmp(name, "dpdk:", 5) == 0)
			err = permit_device(permits, colon + 1, options, error);
		else
			err = permit_names(permits, colon ? colon + 1 : name, xdp, options, error);
	}
	return err;
}

int sf_input_refuse_twice(const struct sf_options *options, struct sf_error *error)
{
	static const char cause[] = "its packets would be counted twice";
	struct sf_permits all;
	unsigned index[SF_PERMITS_MAX];
	int err = sf_input_permits(&all, options, error);

	for (unsigned i = 0; !err && i < all.count; i++) {
		const char *name = all.rows[i].name;

		index[i] = if_nametoindex(name);
		for (unsigned k = 0; k < i && !err; k++) {
			const char *other = all.rows[k].name;

			if (strcmp(name, other) == 0)
				err = sf_error_set(
					error, SF_EUSAGE, "-i: %s is named twice: %s", name, cause);
			else if (index[i] != 0 && index[i] == index[k])
				err = sf_error_set(error, SF_EUSAGE,
					"-i: %s and %s are the same interface: %s", other, name,
					cause);
			/* AF_XDP takes packets away before the others see them */
			else if ((strcmp(name, "any") == 0 && !all.rows[k].xdp) ||
				 (strcmp(other, "any") == 0 && !all.rows[i].xdp))
				err = sf_error_set(error, SF_EUSAGE, "-i: any includes %s: %s",
					strcmp(name, "any") == 0 ? other : name, cause);
		}
	}
	return err;
}

int sf_input_open_files(
	struct sf_input *input, const struct sf_options *options, struct sf_error *error)
{
	const struct sf_capture_ops *ops = sf_capture_driver("file");
	struct sf_capture_options capture = {
		.names = options->files.items,
		.name_count = options->files.count,
		.queues = (unsigned)options->workers,
		.realtime = options->realtime,
	};

	if (!ops)
		return sf_error_set(error, SF_EUNSUPPORTED, "this build cannot read capture files");
	if (options->start)
		sf_time_parse(options->start, options->local_time, &capture.start_ns);
	if (options->end)
		sf_time_parse(options->end, options->local_time, &capture.end_ns);
	input->name = options->files.items[0];
	return ops->open(&input->capture, &capture, error);
}

void sf_input_close(struct sf_input *input)
{
	if (input->capture)
		input->capture->ops->close(input->capture);
	input->capture = NULL;
}

void sf_input_learn(struct sf_input *input)
{
	const struct sf_interface *interface;

	while (input->slots < input->span) {
		unsigned number = input->point.interface_base + input->slots;

		interface = input->capture->ops->interface(input->capture, input->slots);
		if (!interface)
			break;
		input->interfaces->ifindex[number] = interface->index;
		input->interfaces->domain[number] = input->domain;
		input->slots++;
	}
}
