/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "base/socket_name.h"
#include "engine/input.h"

/* Enters an interface of the source; slot < input->span. */
static void enter(struct sf_input *input, unsigned slot, const struct sf_interface *interface)
{
	unsigned number = input->point.interface_base + slot;

	input->interfaces->ifindex[number] = interface->index;
	input->interfaces->domain[number] = input->domain;
}

/*
 * See sf_capture_options.appeared. Other threads read the entry for packets of this interface only,
 * and no such packet comes before this function returns.
 */
static void appeared(void *context, unsigned slot, const struct sf_interface *interface)
{
	struct sf_input *input = context;

	if (slot < input->span)
		enter(input, slot, interface);
}

/* A worker that waits for its own packets must not let those of other workers pile up. */
static bool waits_short(const struct sf_plan_source *source, unsigned workers)
{
	return workers > 1 || strchr(source->text, '+');
}

static struct sf_capture_options live_options(const struct sf_plan_source *source, unsigned workers)
{
	bool dpdk = strcmp(source->driver, "dpdk") == 0;

	return (struct sf_capture_options){
		.names = source->names,
		.name_count = source->name_count,
		.queues = workers,
		.snaplen = source->snaplen,
		.ring_bytes = source->ring_bytes,
		.immediate = source->immediate,
		.no_promiscuous = source->no_promiscuous,
		.set_rss = source->set_rss,
		.hardware_time = source->hardware_time,
		.keep_offloads = source->keep_offloads,
		.bring_up = !source->keep_link,
		.wait = !source->no_wait,
		.direction = source->direction,
		.driver_options = source->driver_options,
		.filter = source->filter,
		.wait_ms = dpdk && !waits_short(source, workers) ? 0 : SF_WAIT_NEVER,
	};
}

static int open_files(struct sf_capture **capture, const struct sf_plan_source *source,
	unsigned workers, struct sf_error *error)
{
	const struct sf_capture_options options = {
		.names = source->names,
		.name_count = source->name_count,
		.queues = workers,
		.realtime = source->realtime,
		.start_ns = source->start_ns,
		.end_ns = source->end_ns,
	};

	if (!sf_capture_driver("file"))
		return sf_error_set(error, SF_EUNSUPPORTED, "this build cannot read capture files");
	return sf_capture_open(capture, "file", &options, error);
}

static int open_live(struct sf_input *input, unsigned workers, const uint32_t *steer_key,
	const struct sf_helper *helper, struct sf_error *error)
{
	const struct sf_plan_source *source = input->source;
	struct sf_capture_options options = live_options(source, workers);
	int err;

	options.appeared = appeared;
	options.context = input;
	options.steer_key = steer_key;
	options.helper = helper;
	if (!options.snaplen && input->payload)
		options.snaplen = SF_SNAPLEN_PAYLOAD;
	input->short_wait = waits_short(source, workers);
	err = sf_capture_open(&input->capture, source->driver, &options, error);
	if (err)
		return err;
	input->waits = input->capture->ops->wait != NULL;
	sf_input_learn(input);
	return 0;
}

int sf_plan_source_tunnels(struct sf_tunnel_options *result, const struct sf_plan_source *source,
	const struct sf_tunnel_options *tunnels, struct sf_error *error)
{
	struct sf_socket_name name;
	int err = 0;

	*result = *tunnels;
	for (unsigned i = 0; !err && sf_socket_driver(source->driver) && i < source->name_count;
		i++) {
		err = sf_socket_name_parse(&name, source->driver, source->names[i], error);
		if (!err)
			err = sf_tunnel_options_add_socket(
				result, name.port, name.kind, name.text, error);
	}
	return err;
}

int sf_input_open(struct sf_input *input, const struct sf_plan_source *source, unsigned workers,
	const uint32_t *steer_key, const struct sf_helper *helper, struct sf_error *error)
{
	input->source = source;
	return sf_source_is_live(source) ? open_live(input, workers, steer_key, helper, error)
					 : open_files(&input->capture, source, workers, error);
}

int sf_plan_source_open(struct sf_capture **capture, const struct sf_plan_source *source,
	unsigned workers, struct sf_error *error)
{
	const struct sf_capture_options options = live_options(source, workers);

	return sf_source_is_live(source) ? sf_capture_open(capture, source->driver, &options, error)
					 : open_files(capture, source, workers, error);
}

void sf_input_close(struct sf_input *input)
{
	if (input->capture)
		input->capture->ops->close(input->capture);
	input->capture = NULL;
	sf_timeline_fini(&input->timeline);
}

void sf_input_learn(struct sf_input *input)
{
	const struct sf_interface *interface;

	while (input->slots < input->span &&
		(interface = input->capture->ops->interface(input->capture, input->slots)))
		enter(input, input->slots++, interface);
}
