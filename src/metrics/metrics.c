/* SPDX-License-Identifier: BSD-2-Clause */
/* Which page is asked for, and the pages that are not numbers. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "metrics/metrics.h"

#define CLIENTS_NS  (SF_NS_PER_S / 10) /* clients that are connected are looked at as often */
#define TEXT        "text/plain; charset=utf-8"
#define PROMETHEUS  "text/plain; version=0.0.4; charset=utf-8"
#define OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"

static void set_text(struct sf_http_page *page, unsigned status, const char *text)
{
	page->status = status;
	page->type = TEXT;
	page->text = strdup(text);
	page->length = strlen(text);
}

static void set_metrics(
	struct sf_http_page *page, const struct sf_metrics_owner *owner, bool openmetrics)
{
	FILE *stream = open_memstream(&page->text, &page->length);
	bool failed;

	if (!stream)
		return;
	page->status = 200;
	page->type = openmetrics ? OPENMETRICS : PROMETHEUS;
	owner->write(owner->context, openmetrics, stream);
	failed = ferror(stream);
	if (fclose(stream) == 0 && !failed)
		return;
	free(page->text);
	page->text = NULL;
}

static void set_ready(struct sf_http_page *page, const struct sf_metrics_owner *owner)
{
	char text[512];

	if (!owner->hindered(owner->context, text, sizeof(text) - 1))
		set_text(page, 200, "ready\n");
	else
		set_text(page, 503, strcat(text, "\n"));
}

static void handle(void *context, const struct sf_http_request *request, struct sf_http_page *page)
{
	const struct sf_metrics *metrics = context;

	if (strcmp(request->path, "/metrics") == 0)
		set_metrics(page, &metrics->owner, request->openmetrics);
	else if (strcmp(request->path, "/healthz") == 0)
		set_text(page, 200, "ok\n");
	else if (strcmp(request->path, "/readyz") == 0)
		set_ready(page, &metrics->owner);
	else
		set_text(page, 404, "there are /metrics, /healthz and /readyz\n");
}

int sf_metrics_open(struct sf_metrics *metrics, const char *where,
	const struct sf_metrics_owner *owner, struct sf_error *error)
{
	metrics->owner = *owner;
	return where ? sf_http_open(&metrics->http, where, handle, metrics, error) : 0;
}

const char *sf_metrics_url(const struct sf_metrics *metrics)
{
	return metrics->http ? sf_http_name(metrics->http) : NULL;
}

void sf_metrics_close(struct sf_metrics *metrics)
{
	sf_watch_remove(&metrics->watch);
	sf_timer_remove(&metrics->timer);
	sf_http_close(metrics->http);
	metrics->http = NULL;
}

void sf_metrics_serve(struct sf_metrics *metrics)
{
	if (metrics->http)
		sf_http_serve(metrics->http, sf_clock_read(CLOCK_MONOTONIC));
}

static void serve_clients(struct sf_metrics *metrics)
{
	sf_metrics_serve(metrics);
	if (sf_http_has_clients(metrics->http))
		sf_timer_repeat(&metrics->timer, CLIENTS_NS);
	else
		sf_timer_stop(&metrics->timer);
}

static void on_client(struct sf_watch *watch, unsigned ready)
{
	(void)ready;
	serve_clients(watch->context);
}

static void on_timer(struct sf_timer *timer)
{
	serve_clients(timer->context);
}

int sf_metrics_join(struct sf_metrics *metrics, struct sf_loop *loop)
{
	int err;

	if (!metrics->http)
		return 0;
	err = sf_loop_add_timer(loop, &metrics->timer, on_timer, metrics);
	return err ? err
		   : sf_loop_add_watch(loop, &metrics->watch, sf_http_fd(metrics->http),
			     SF_LOOP_READ, on_client, metrics);
}
