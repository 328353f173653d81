/* SPDX-License-Identifier: BSD-2-Clause */
#include <netinet/in.h>
#include <string.h>

#include "guard/privileges.h"

static int start_monitor(
	struct sf_privileges *privileges, const struct sf_plan *plan, struct sf_error *error)
{
	struct sf_sandbox *sandbox = &privileges->sandbox;
	struct sf_permits permits;
	int err = sf_sandbox_user(sandbox, plan->user, error);

	for (unsigned i = 0; i < plan->source_count; i++)
		sandbox->dpdk |= strcmp(plan->sources[i].driver, "dpdk") == 0;
	if (!err)
		err = sf_permits_make(&permits, plan, error);
	for (unsigned i = 0; !err && i < permits.count; i++) {
		sandbox->packets |= permits.rows[i].packets;
		sandbox->xdp |= permits.rows[i].xdp;
	}
	if (!err && sandbox->switch_user)
		err = sf_monitor_start(&privileges->monitor, &permits, error);
	sandbox->helped = privileges->monitor.pid > 0;
	return err;
}

/* Names are looked up again while a run goes on. */
static int start_resolver(
	struct sf_privileges *privileges, const struct sf_plan *plan, struct sf_error *error)
{
	static struct sf_resolver_name names[SF_RESOLVER_NAMES];
	const struct sf_sandbox *sandbox = &privileges->sandbox;
	unsigned count = 0;
	bool named = false;

	for (unsigned i = 0; i < plan->destination_count && count < SF_RESOLVER_NAMES; i++) {
		struct sf_resolver_name *name = &names[count];

		if (plan->destinations[i].kind != SF_TO_COLLECTOR)
			continue;
		named |= sf_collector_is_named(plan->destinations[i].url, name->host,
			sizeof(name->host), name->port, sizeof(name->port));
		count++;
	}
	if (!named)
		return 0;
	return sf_resolver_start(&privileges->resolver, names, count, sandbox->switch_user,
		sandbox->uid, sandbox->gid, error);
}

/* The process that runs the command for complete files. */
static int start_spawner(
	struct sf_privileges *privileges, const struct sf_plan *plan, struct sf_error *error)
{
	const struct sf_sandbox *sandbox = &privileges->sandbox;
	const struct sf_spawner_user user = { sandbox->uid, sandbox->gid };
	const char *files[SF_WRITABLE_MAX];
	unsigned count = 0;

	for (unsigned i = 0; i < plan->destination_count && count < SF_WRITABLE_MAX; i++)
		if (plan->destinations[i].kind == SF_TO_FILE)
			files[count++] = plan->destinations[i].url;
	return sf_spawner_start(&privileges->spawner, plan->on_file, files, count,
		sandbox->switch_user ? &user : NULL, error);
}

int sf_privileges_start(struct sf_privileges *privileges, const struct sf_plan *plan, bool metrics,
	struct sf_error *error)
{
	bool live = strcmp(plan->sources[0].driver, "file") != 0;
	int err;

	memset(privileges, 0, sizeof(*privileges));
	privileges->sandbox.wanted = live && !plan->no_sandbox;
	privileges->sandbox.metrics = metrics;
	err = sf_permits_refuse_twice(plan, error);
	if (!err && privileges->sandbox.wanted)
		err = start_monitor(privileges, plan, error);
	if (!err && live && !plan->no_late_collectors)
		err = start_resolver(privileges, plan, error);
	if (!err && plan->on_file)
		err = start_spawner(privileges, plan, error);
	return err;
}

const struct sf_helper *sf_privileges_helper(const struct sf_privileges *privileges)
{
	return privileges->monitor.pid ? &privileges->monitor.helper : NULL;
}

const struct sf_lookup *sf_privileges_lookup(const struct sf_privileges *privileges)
{
	return privileges->resolver.pid ? &privileges->resolver.lookup : NULL;
}

const struct sf_file_hook *sf_privileges_on_file(const struct sf_privileges *privileges)
{
	return privileges->spawner.pid ? &privileges->spawner.hook : NULL;
}

static bool has_streams(const struct sf_exporter *exporter)
{
	struct sf_destination_stats stats;

	for (unsigned i = 0; sf_exporter_stats(exporter, i, &stats); i++)
		if (stats.protocol == IPPROTO_TCP || stats.protocol == IPPROTO_SCTP)
			return true;
	return false;
}

int sf_privileges_drop(struct sf_privileges *privileges, const struct sf_exporter *exporter,
	struct sf_error *error)
{
	enum sf_exporter_makes makes;
	const char *path;
	int listener, err;

	if (!privileges->sandbox.wanted)
		return 0;
	privileges->sandbox.streams = has_streams(exporter);
	for (unsigned i = 0; (path = sf_exporter_writes(exporter, i, &makes)); i++)
		sf_sandbox_keep_writable(&privileges->sandbox, path, makes);
	err = sf_sandbox_enter(&privileges->sandbox, &listener, error);
	if (listener >= 0)
		sf_monitor_give_listener(&privileges->monitor, listener);
	return err;
}

bool sf_privileges_lost_monitor(struct sf_privileges *privileges)
{
	if (!privileges->sandbox.helped || !sf_monitor_ended(&privileges->monitor))
		return false;
	privileges->sandbox.helped = false;
	return true;
}

bool sf_privileges_stop(struct sf_privileges *privileges)
{
	sf_sandbox_fini(&privileges->sandbox);
	sf_spawner_fini(&privileges->spawner);
	return sf_monitor_stop(&privileges->monitor);
}
