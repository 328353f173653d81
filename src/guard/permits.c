/* SPDX-License-Identifier: BSD-2-Clause */
/* What the monitor permits, from the plan of the run. */
#include <stdio.h>
#include <string.h>

#include "base/netdev.h"
#include "base/socket_name.h"
#include "guard/privileges.h"

static const char counted_twice[] = "its packets would be counted twice";

static struct sf_permit *add_permit(
	struct sf_permits *permits, const char *name, struct sf_error *error)
{
	struct sf_permit *permit = &permits->rows[permits->count];

	if (permits->count == SF_PERMITS_MAX) {
		sf_error_set(
			error, SF_EUSAGE, "--interface: more than %d interfaces", SF_PERMITS_MAX);
		return NULL;
	}
	permits->count++;
	/* a name that is too long is complained about where it is opened */
	snprintf(permit->name, sizeof(permit->name), "%s", name);
	permit->packets = true;
	return permit;
}

/* A device of DPDK over an interface of the kernel: sockets, and switching it on. */
static int permit_device(
	struct sf_permits *permits, const struct sf_plan_source *source, struct sf_error *error)
{
	const char *device = source->names[0];
	char name[IF_NAMESIZE];
	struct sf_permit *permit;

	if (!sf_netdev_of_device(device, name))
		return 0;
	permit = add_permit(permits, name, error);
	if (!permit)
		return error->code;
	permit->settings = source->keep_link ? 0 : SF_ETHTOOL_UP;
	permit->detach = strncmp(device, "net_af_xdp", 10) == 0;
	return 0;
}

static int permit_names(
	struct sf_permits *permits, const struct sf_plan_source *source, struct sf_error *error)
{
	bool xdp = strcmp(source->driver, "xdp") == 0;
	unsigned merging = xdp ? SF_ETHTOOL_MERGING | SF_ETHTOOL_TAGS : SF_ETHTOOL_MERGING;

	for (unsigned i = 0; i < source->name_count; i++) {
		struct sf_permit *permit = add_permit(permits, source->names[i], error);

		if (!permit)
			return error->code;
		permit->xdp = xdp;
		permit->settings = (source->set_rss ? SF_ETHTOOL_RSS : 0) |
				   (source->keep_link ? 0 : SF_ETHTOOL_UP) |
				   (source->keep_offloads ? 0 : merging);
	}
	return 0;
}

int sf_permits_make(struct sf_permits *permits, const struct sf_plan *plan, struct sf_error *error)
{
	int err = 0;

	*permits = (struct sf_permits){ 0 };
	for (unsigned i = 0; i < plan->source_count && !err; i++) {
		const struct sf_plan_source *source = &plan->sources[i];

		if (strcmp(source->driver, "file") == 0 || sf_socket_driver(source->driver))
			continue;
		err = strcmp(source->driver, "dpdk") == 0 ? permit_device(permits, source, error)
							  : permit_names(permits, source, error);
	}
	return err;
}

/*
 * Sockets: the kernel refuses UDP ports that are in use, but raw sockets would all get the packets.
 */
static int refuse_sockets_twice(const struct sf_plan *plan, struct sf_error *error)
{
	struct sf_socket_name names[SF_PERMITS_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < plan->source_count; i++) {
		const struct sf_plan_source *source = &plan->sources[i];

		for (unsigned n = 0; sf_socket_driver(source->driver) && n < source->name_count;
			n++) {
			if (count == SF_PERMITS_MAX)
				return sf_error_set(error, SF_EUSAGE,
					"--interface: more than %d sockets", SF_PERMITS_MAX);
			if (sf_socket_name_parse(
				    &names[count], source->driver, source->names[n], error) < 0)
				return SF_EUSAGE;
			for (unsigned k = 0; k < count; k++)
				if (sf_socket_names_overlap(&names[k], &names[count]))
					return sf_error_set(error, SF_EUSAGE,
						"-i: %s and %s get the same packets, which would "
						"be counted twice",
						names[k].text, names[count].text);
			count++;
		}
	}
	return 0;
}

int sf_permits_refuse_twice(const struct sf_plan *plan, struct sf_error *error)
{
	struct sf_permits all;
	unsigned index[SF_PERMITS_MAX];
	int err = sf_permits_make(&all, plan, error);

	if (!err)
		err = refuse_sockets_twice(plan, error);
	for (unsigned i = 0; !err && i < all.count; i++) {
		const char *name = all.rows[i].name;

		index[i] = if_nametoindex(name);
		for (unsigned k = 0; k < i && !err; k++) {
			const char *other = all.rows[k].name;

			if (strcmp(name, other) == 0)
				err = sf_error_set(error, SF_EUSAGE, "-i: %s is named twice: %s",
					name, counted_twice);
			else if (index[i] != 0 && index[i] == index[k])
				err = sf_error_set(error, SF_EUSAGE,
					"-i: %s and %s are the same interface: %s", other, name,
					counted_twice);
			/* AF_XDP takes packets away before the others see them */
			else if ((strcmp(name, "any") == 0 && !all.rows[k].xdp) ||
				 (strcmp(other, "any") == 0 && !all.rows[i].xdp))
				err = sf_error_set(error, SF_EUSAGE, "-i: any includes %s: %s",
					strcmp(name, "any") == 0 ? other : name, counted_twice);
		}
	}
	return err;
}
