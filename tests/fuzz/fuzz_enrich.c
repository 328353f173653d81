/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of routes (text, MRT, MaxMind DB, compressed ones) and interface maps, as an administrator
 * may get them from elsewhere.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "enrich/load.h"
#include "enrich/map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where values go that are only read, so that AddressSanitizer sees the reads. */
static volatile uint32_t sum;

/* Every value that a look-up can give is that of a route. */
static void look_up(const struct sf_routes *routes)
{
	const struct sf_lpm_address addresses[] = { { 0, 0 }, { UINT64_MAX, UINT64_MAX },
		{ UINT64_C(0xc0000201) << 32, 0 }, { UINT64_C(0x20010db8) << 32, 1 } };
	uint32_t values[4];

	for (unsigned ipv6 = 0; ipv6 < 2; ipv6++) {
		sf_lpm_find(routes->lpm, ipv6, addresses, values, 4);
		for (unsigned i = 0; i < 4; i++)
			sum += routes->routes[values[i]].as +
			       routes->hops[routes->routes[values[i]].hops].next[0];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("routes", MFD_CLOEXEC);
	struct sf_error error = { 0 };
	struct sf_routes *routes;
	struct sf_map *map;
	char path[64];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (sf_load_file(&routes, path, &error) == 0) {
		look_up(routes);
		sf_routes_free(routes);
	} else if (!error.text[0]) {
		abort();
	}
	if (sf_map_load(&map, path, &error) == 0)
		sf_map_free(map);
	close(fd);
	return 0;
}
