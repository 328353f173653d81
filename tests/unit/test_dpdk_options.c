/* SPDX-License-Identifier: BSD-2-Clause */
/* What may be said to DPDK (drivers/dpdk/options.c). */
#include <string.h>

#include "check_main.h"
#include "dpdk/options.h"

/* The words that DPDK would get, with blanks between; or what was refused. */
static const char *parsed(const char *text)
{
	static char words[512];
	static struct sf_error error;
	struct sf_dpdk_options options;

	words[0] = '\0';
	if (sf_dpdk_options_parse(&options, text, &error) < 0) {
		ck_assert_int_eq(error.code, SF_EUSAGE);
		ck_assert_ptr_nonnull(strstr(error.text, "--driver-options"));
		return error.text;
	}
	for (unsigned i = 0; i < options.count; i++) {
		strcat(words, i ? " " : "");
		strcat(words, options.words[i]);
	}
	sf_dpdk_options_free(&options);
	return words;
}

START_TEST(allowed)
{
	struct sf_dpdk_options options;
	struct sf_error error;

	ck_assert_str_eq(parsed(NULL), "");
	ck_assert_str_eq(parsed(" \t "), "");
	ck_assert_str_eq(parsed("--no-huge  -m 256\t--no-pci"), "--no-huge -m 256 --no-pci");
	ck_assert_str_eq(parsed("-m256 -a 0000:01:00.0 --allow=01:00.1"),
		"-m256 -a 0000:01:00.0 --allow=01:00.1");
	ck_assert_str_eq(parsed("--iova-mode=va --iova-mode pa --vfio-intr msix"),
		"--iova-mode=va --iova-mode pa --vfio-intr msix");
	ck_assert_str_eq(parsed("--log-level=lib.eal:debug --socket-mem 512,0"),
		"--log-level=lib.eal:debug --socket-mem 512,0");
	/* done in any case, and not said twice */
	ck_assert_str_eq(parsed("--in-memory --no-telemetry --no-shconf -n 4"), "-n 4");
	ck_assert_int_eq(sf_dpdk_options_parse(&options, "--no-huge --log-level 8", &error), 0);
	ck_assert(options.no_huge && options.verbose);
	sf_dpdk_options_free(&options);
}
END_TEST

START_TEST(refused)
{
	static const char *const words[] = { "-d", "-d/tmp/evil.so", "-d=/tmp/evil.so",
		"--huge-dir", "--huge-dir=/tmp", "--vfio-vf-token", "--file-prefix=../x",
		"--trace-dir=/tmp", "--proc-type=secondary", "--help", "-h", "--version", "-v",
		"--vdev", "--telemetry", "--mbuf-pool-ops-name=x", "--syslog", "--frob", "-l", "-c",
		"-", "--", "evil.so", "--no-hug", "--no-hugex", "-M" };

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char text[128], quoted[64];
		const char *said;

		snprintf(text, sizeof(text), "--no-huge %s /tmp/evil.so", words[i]);
		snprintf(quoted, sizeof(quoted), "'%.*s' is not allowed",
			(int)strcspn(words[i], "="), words[i]);
		said = parsed(text);
		ck_assert_msg(strstr(said, quoted), "%s: %s", words[i], said);
		ck_assert_msg(strstr(said, "allowed: --no-huge, -m MIB, "), "%s", said);
		/* the list is whole */
		ck_assert_msg(strstr(said, "--no-telemetry"), "%s", said);
	}
}
END_TEST

START_TEST(values)
{
	ck_assert_ptr_nonnull(strstr(parsed("-m"), "'-m ' of DPDK: expected MIB"));
	ck_assert_ptr_nonnull(strstr(parsed("-m x"), "'-m x' of DPDK: expected MIB"));
	ck_assert_ptr_nonnull(strstr(parsed("-m 99999999999"), "expected MIB"));
	ck_assert_ptr_nonnull(strstr(parsed("-m --no-huge"), "expected MIB"));
	ck_assert_ptr_nonnull(strstr(parsed("--no-huge=1"), "takes no value"));
	ck_assert_ptr_nonnull(strstr(parsed("--iova-mode=p"), "expected pa|va"));
	ck_assert_ptr_nonnull(strstr(parsed("--iova-mode="), "expected pa|va"));
	ck_assert_ptr_nonnull(strstr(parsed("--iova-mode=pa|va"), "expected pa|va"));
	ck_assert_ptr_nonnull(strstr(parsed("-a 01:00.0,ddp_pkg_file=/x"), "expected PCI-ADDRESS"));
	ck_assert_ptr_nonnull(strstr(parsed("-a net_pcap0"), "expected PCI-ADDRESS"));
	ck_assert_ptr_nonnull(strstr(parsed("--log-level=/x"), "expected LEVEL"));
}
END_TEST

/* None is cut off, however many there are. */
START_TEST(many)
{
	char text[8192] = "";
	struct sf_dpdk_options options;
	struct sf_error error;

	for (unsigned i = 0; i < 300; i++)
		strcat(text, "--no-hpet ");
	strcat(text, "-m 1");
	ck_assert_int_eq(sf_dpdk_options_parse(&options, text, &error), 0);
	ck_assert_uint_eq(options.count, 302);
	ck_assert_str_eq(options.words[301], "1");
	sf_dpdk_options_free(&options);
}
END_TEST

START_TEST(devices)
{
	static const char *const good[] = { "0000:01:00.0", "01:00.0", "net_null0", "net_null",
		"net_null1,size=64,copy=1", "net_ring0",
		"net_af_packet0,iface=eth1,blocksz=65536,framesz=2048,framecnt=4096",
		"net_af_xdp0,iface=eth1" };
	static const char *const bad[] = { "net_pcap0,rx_pcap=/etc/shadow", "net_pcap0,iface=eth1",
		"net_af_xdp0,iface=eth1,xdp_prog=/tmp/evil.o", "net_tap0,remote=eth1",
		"net_memif0,socket=/tmp/x", "net_virtio_user0,path=/dev/vhost-net",
		"net_bonding0,mode=1", "01:00.0,ddp_pkg_file=/x", "net_null0,rx_pcap=x",
		"net_null_evil", "net_nullx", "bus=vdev,name=net_pcap0", "vdev:net_null0", "",
		"net_null0,", "net_null0,size", "net_null0,size=/x", "net_null0,size=1/x",
		"net_null0,,", "net_null0,=1", "net_null0,size|copy=1" };

	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(sf_dpdk_device_harmless(good[i]), "%s", good[i]);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!sf_dpdk_device_harmless(bad[i]), "%s", bad[i]);
}
END_TEST

CHECK_MAIN("dpdk_options", allowed, refused, values, many, devices)
