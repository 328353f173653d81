/* SPDX-License-Identifier: BSD-2-Clause */
#include "dpdk/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"
#define HEX    "0123456789abcdefABCDEF"
#define NAME   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static bool is_number(const char *value, const char *unused)
{
	(void)unused;
	return *value && strlen(value) < 10 && value[strspn(value, DIGITS)] == '\0';
}

static bool is_numbers(const char *value, const char *unused)
{
	(void)unused;
	return *value && value[strspn(value, DIGITS ",")] == '\0';
}

/* True for a log level, such as "lib.eal:debug" or "8". */
static bool is_level(const char *value, const char *unused)
{
	(void)unused;
	return *value && value[strspn(value, NAME "*,:")] == '\0';
}

/* True if `value` is one of the choices "a|b". */
static bool is_choice(const char *value, const char *choices)
{
	size_t length = strlen(value);

	if (length == 0 || strchr(value, '|'))
		return false;
	for (const char *choice = choices, *end; choice; choice = end ? end + 1 : NULL) {
		end = strchr(choice, '|');
		if (strncmp(choice, value, length) == 0 &&
			(choice[length] == '|' || choice[length] == '\0'))
			return true;
	}
	return false;
}

/* True for a PCI address, "0000:01:00.0" or "01:00.0". */
static bool is_address(const char *value, const char *unused)
{
	size_t first = strspn(value, HEX);

	(void)unused;
	if (first >= 4 && first <= 8 && value[first] == ':')
		value += first + 1;
	return isxdigit(value[0]) && isxdigit(value[1]) && value[2] == ':' && isxdigit(value[3]) &&
	       isxdigit(value[4]) && value[5] == '.' && value[6] >= '0' && value[6] <= '7' &&
	       value[7] == '\0';
}

/*
 * The allowed options of rte_eal_init(). Those that the driver sets anyway are accepted and left
 * out.
 */
static const struct row {
	const char *name, *metavar;
	bool (*check)(const char *value, const char *choices); /* NULL: takes no value */
	bool implied;
} rows[] = {
	{ "--no-huge" },
	{ "-m", "MIB", is_number },
	{ "--no-pci" },
	{ "-a", "PCI-ADDRESS", is_address },
	{ "--allow", "PCI-ADDRESS", is_address },
	{ "-n", "CHANNELS", is_number },
	{ "--socket-mem", "MIB,MIB", is_numbers },
	{ "--socket-limit", "MIB,MIB", is_numbers },
	{ "--single-file-segments" },
	{ "--iova-mode", "pa|va", is_choice },
	{ "--vfio-intr", "legacy|msi|msix", is_choice },
	{ "--force-max-simd-bitwidth", "BITS", is_number },
	{ "--no-hpet" },
	{ "--log-level", "LEVEL", is_level },
	{ "--in-memory", .implied = true },
	{ "--no-shconf", .implied = true },
	{ "--no-telemetry", .implied = true },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void list_allowed(char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < ROWS && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", i ? ", " : "",
			rows[i].name, rows[i].metavar ? " " : "",
			rows[i].metavar ? rows[i].metavar : "");
}

static int refuse(const char *word, int length, struct sf_error *error)
{
	char allowed[384];

	list_allowed(allowed, sizeof(allowed));
	return sf_error_set(error, SF_EUSAGE,
		"--driver-options: '%.*s' is not allowed for DPDK; allowed: %s%s", length, word,
		allowed,
		strncmp(word, "--vdev", 6) == 0 ? "; devices are named with -i dpdk:DEVICE" : "");
}

/*
 * The row for "--name", "--name=value" or "-xvalue", or NULL. *value: what follows the name, or
 * NULL.
 */
static const struct row *find(char *word, char **value)
{
	size_t length = word[0] == '-' && word[1] == '-' ? strcspn(word, "=") : 2;

	for (unsigned i = 0; i < ROWS && word[0] == '-' && word[1]; i++) {
		if (strlen(rows[i].name) != length || strncmp(word, rows[i].name, length) != 0)
			continue;
		*value = word[length] == '\0' ? NULL
			 : length > 2         ? word + length + 1
					      : word + length;
		return &rows[i];
	}
	return NULL;
}

/*
 * Takes the option that begins at `word` and adds its words to `options`. *rest: the text behind
 * it.
 */
static int take(struct sf_dpdk_options *options, char *word, char **rest, struct sf_error *error)
{
	char *value = NULL;
	const struct row *row = find(word, &value);

	if (!row)
		return refuse(word, (int)strcspn(word, "="), error);
	if (!row->check && value)
		return sf_error_set(error, SF_EUSAGE,
			"--driver-options: '%s' of DPDK takes no value", row->name);
	options->no_huge |= strcmp(row->name, "--no-huge") == 0;
	options->verbose |= strcmp(row->name, "--log-level") == 0;
	if (!row->implied)
		options->words[options->count++] = word;
	if (!row->check)
		return 0;
	if (!value) {
		value = strtok_r(NULL, " \t", rest);
		if (value)
			options->words[options->count++] = value;
	}
	if (!value || !row->check(value, row->metavar))
		return sf_error_set(error, SF_EUSAGE,
			"--driver-options: '%s %s' of DPDK: expected %s", row->name,
			value ? value : "", row->metavar);
	return 0;
}

int sf_dpdk_options_parse(struct sf_dpdk_options *options, const char *text, struct sf_error *error)
{
	char *rest = NULL;
	int result = 0;

	text = text ? text : "";
	*options = (struct sf_dpdk_options){
		.text = strdup(text),
		.pieces = strdup(text),
		/* the most words there can be: each has a character and a blank */
		.words = calloc(strlen(text) / 2 + 1, sizeof(char *)),
	};
	if (!options->text || !options->pieces || !options->words)
		result = sf_error_set(error, -ENOMEM, "%s", sf_strerror(-ENOMEM));
	else
		rest = options->pieces;
	for (char *word = rest ? strtok_r(rest, " \t", &rest) : NULL; word && result == 0;
		word = strtok_r(NULL, " \t", &rest))
		result = take(options, word, &rest, error);
	if (result < 0)
		sf_dpdk_options_free(options);
	return result;
}

void sf_dpdk_options_free(struct sf_dpdk_options *options)
{
	free(options->text);
	free(options->pieces);
	free(options->words);
	*options = (struct sf_dpdk_options){ 0 };
}

/* True if the `length` bytes at `word` are one of the choices "a|b". */
static bool is_among(const char *word, size_t length, const char *choices)
{
	char text[64];

	if (length == 0 || length >= sizeof(text))
		return false;
	memcpy(text, word, length);
	text[length] = '\0';
	return is_choice(text, choices);
}

bool sf_dpdk_device_harmless(const char *device)
{
	static const struct {
		const char *name, *keys;
	} harmless[] = {
		{ "net_null", "size|copy|no-rx" },
		{ "net_ring", "" },
		{ "net_af_packet",
			"iface|qpairs|blocksz|framesz|framecnt|qdisc_bypass|fanout_mode" },
		/* without xdp_prog=FILE and other arguments that name a file */
		{ "net_af_xdp",
			"iface|start_queue|queue_count|shared_umem|busy_budget|force_copy" },
	};
	const char *keys = NULL, *argument;
	size_t length = strcspn(device, ",");

	if (is_address(device, NULL))
		return true;
	for (unsigned i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		size_t name = strlen(harmless[i].name);

		/* DPDK takes the driver whose name is the begin of the device's name */
		if (length >= name && strncmp(device, harmless[i].name, name) == 0 &&
			strspn(device + name, DIGITS) == length - name)
			keys = harmless[i].keys;
	}
	if (!keys)
		return false;
	for (argument = device + length; *argument == ',';) {
		const char *value = argument + 1 + strcspn(argument + 1, "=,");

		argument++;
		if (*value != '=' || !is_among(argument, (size_t)(value - argument), keys))
			return false;
		value++;
		argument = value + strspn(value, NAME);
	}
	return *argument == '\0';
}
