/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options of all subcommands. Rows of one section stand together: the order is that of --help.
 */
#include <spanflow/capture.h>
#include <spanflow/meter.h>
#include <spanflow/tunnel.h>

#include "enrich/enrich.h"
#include "base/url_option.h"
#include "options/options.h"

#define AT(member) offsetof(struct sf_options, member)

#define DAY (UINT64_C(86400) * 1000000000)
#define MS  UINT64_C(1000000)

static const struct sf_choice key_parts[] = {
	{ "address", SF_KEY_ADDRESS },
	{ "port", SF_KEY_PORT },
	{ "protocol", SF_KEY_PROTOCOL },
	{ "vlan", SF_KEY_VLAN },
	{ "tos", SF_KEY_TOS },
	{ "interface", SF_KEY_INTERFACE },
	{ "tunnel", SF_KEY_TUNNEL },
	{ NULL },
};

static const struct sf_choice directions[] = {
	{ "in", SF_DIRECTION_IN },
	{ "out", SF_DIRECTION_OUT },
	{ "both", SF_DIRECTION_BOTH },
	{ NULL },
};

static const struct sf_choice fragment_modes[] = {
	{ "join", SF_FRAGMENTS_JOIN },
	{ "split", SF_FRAGMENTS_SPLIT },
	{ NULL },
};

static const struct sf_choice egresses[] = {
	{ "same", SF_ENRICH_EGRESS_SAME },
	{ "0", SF_ENRICH_EGRESS_NONE },
	{ "learn", SF_ENRICH_EGRESS_LEARN },
	{ "fib", SF_ENRICH_EGRESS_FIB },
	{ NULL },
};

static const struct sf_choice hashes[] = {
	{ "fast", SF_HASH_FAST },
	{ "siphash", SF_HASH_SIPHASH },
	{ NULL },
};

static const struct sf_choice outputs[] = {
	{ "table", SF_OUTPUT_TABLE },
	{ "json", SF_OUTPUT_JSON },
	{ "csv", SF_OUTPUT_CSV },
	{ "none", SF_OUTPUT_NONE },
	{ NULL },
};

static const struct sf_choice check_outputs[] = {
	{ "table", SF_OUTPUT_TABLE },
	{ "json", SF_OUTPUT_JSON },
	{ NULL },
};

static const struct sf_choice spool_drops[] = {
	{ "oldest", SF_SPOOL_DROP_OLDEST },
	{ "newest", SF_SPOOL_DROP_NEWEST },
	{ NULL },
};

static const struct sf_choice stats_formats[] = {
	{ "text", SF_STATS_TEXT },
	{ "json", SF_STATS_JSON },
	{ "none", SF_STATS_NONE },
	{ NULL },
};

static int read_tunnels(void *target, const char *text, struct sf_error *error)
{
	return sf_tunnel_options_add(target, text, error);
}

static int read_tunnel_port(void *target, const char *text, struct sf_error *error)
{
	return sf_tunnel_options_add_port(target, text, error);
}

#define INPUT    "Input"
#define LIVE     "Network interfaces"
#define METERING "Metering"
#define COLLECT  "Collecting"
#define ASK      "Questions"
#define ENRICH   "Routes, countries, interfaces"
#define EXPORT   "Output"
#define PAGE     "Page"
#define GENERAL  "General"

#define PRINT_COLLECTED                                                                            \
	"Print records to standard output: table and csv like spanflow meter, json with every "    \
	"element of the record as it was sent. Each says which exporter, observation domain and "  \
	"export time the record came from."

const struct sf_option sf_option_table[] = {
	{ INPUT, 'i', "interface", SF_OPTION_STRINGS, AT(interfaces), SF_METER, "SOURCE",
		.takes_words = true,
		.help = "Network interface to meter: eth1 or pcap:eth1 (libpcap), xdp:eth1 "
			"(AF_XDP), dpdk:DEVICE (DPDK; commas belong to the device string). "
			"eth1+eth2 joins the two ports of a tap to one observation point." },
	{ INPUT, 'r', "read", SF_OPTION_STRINGS, AT(files), SF_METER, "FILE", .takes_words = true,
		.help = "Meter capture files: pcap or pcapng, plain or compressed with gzip, zstd, "
			"xz or bzip2, - for standard input, or a directory with its "
			"subdirectories. Several are merged by time into one flow table; a file "
			"that is reached twice is metered once." },
	{ INPUT, 'f', "filter", SF_OPTION_STRING, AT(filter), SF_METER, "BPF",
		.help = "Meter only packets that this filter matches (pcap-filter(7)). It is a "
			"filter of packets: tcp port 80 does not match frames with a VLAN tag; for "
			"both write (tcp port 80) or (vlan and tcp port 80)." },
	{ INPUT, 'c', "count", SF_OPTION_NUMBER, AT(count), SF_METER, "N", .min = 1,
		.help = "Stop after N packets that passed the filter." },
	{ INPUT, 0, "duration", SF_OPTION_DURATION, AT(duration_ns), SF_METER, "TIME", .min = MS,
		.max = 36500 * DAY,
		.help = "Stop after this time: by the clock with -i, by the packets' own time "
			"stamps with -r." },
	{ INPUT, 0, "start", SF_OPTION_STRING, AT(start), SF_METER, "TIME",
		.help = "With -r: leave out packets before this time: 2025-11-20 or "
			"2025-11-20T08:00:04.5, in UTC or, with --local-time, local time; with Z "
			"or +01:00 at its end in that zone; @1763625604.5 is seconds since 1970." },
	{ INPUT, 0, "end", SF_OPTION_STRING, AT(end), SF_METER, "TIME",
		.help = "With -r: leave out packets at or after this time, written as for "
			"--start. Reading ends when files are past it." },
	{ INPUT, 0, "realtime", SF_OPTION_FLAG, AT(realtime), SF_METER,
		.help = "Standard input is a live pipe: while no packets come, time goes on and "
			"flows end by their timeouts." },

	{ INPUT, 0, "list", SF_OPTION_FLAG, AT(list), SF_QUESTION, .not_in_file = true,
		.help = "List the questions." },
	{ INPUT, 0, "print", SF_OPTION_FLAG, AT(print), SF_QUESTION, .not_in_file = true,
		.help = "Print the question as options of spanflow show, and what it finds wrongly." },
	{ INPUT, 0, "fields", SF_OPTION_FLAG, AT(list_fields), SF_QUESTION, .not_in_file = true,
		.help = "List the fields of --where and --by." },
	{ INPUT, 'i', "interface", SF_OPTION_STRINGS, AT(interfaces), SF_CHECK, "SOURCE", .max = 1,
		.help = "What to watch: eth1, xdp:eth1 or dpdk:DEVICE, as for spanflow meter; "
			"eth1+eth2 for both ports of a tap." },
	{ INPUT, 0, "duration", SF_OPTION_DURATION, AT(duration_ns), SF_CHECK, "TIME", .min = MS,
		.max = 36500 * DAY,
		.help = "How long to watch an interface. Default: 10s. Files are "
			"read to their end." },
	{ INPUT, 'r', "read", SF_OPTION_STRINGS, AT(files), SF_CHECK, "FILE", .takes_words = true,
		.help = "Look at capture files instead of an interface; the same files as for "
			"spanflow meter -r." },
	{ COLLECT, 'l', "listen", SF_OPTION_STRINGS, AT(listen), SF_COLLECT, "URL",
		.help = "Receive on this address: NetFlow v5, v9 and IPFIX with udp://HOST:PORT, "
			"IPFIX over TCP with tcp://HOST:PORT, over TLS with "
			"tls://HOST:PORT,cert=FILE,key=FILE,ca=FILE. Without HOST: on all "
			"addresses, IPv4 and IPv6. Of a name: on all its addresses. Port 0 takes "
			"any free port; standard error names it. Default: udp://:4739." },
	{ COLLECT, 'c', "count", SF_OPTION_NUMBER, AT(count), SF_COLLECT, "N", .min = 1,
		.help = "Stop after N flow records." },
	{ COLLECT, 0, "duration", SF_OPTION_DURATION, AT(duration_ns), SF_COLLECT, "TIME",
		.min = MS, .max = 36500 * DAY, .help = "Stop after this time." },
	{ COLLECT, 0, "idle-exit", SF_OPTION_DURATION, AT(idle_exit_ns), SF_COLLECT, "TIME",
		.min = MS, .max = 36500 * DAY,
		.help = "Stop when no message has come for this time." },
	{ LIVE, 0, "workers-independent", SF_OPTION_FLAG, AT(workers_independent), SF_METER,
		.help = "Let workers keep the packets that they receive instead of handing each to "
			"the worker that has its flow: faster, but a flow whose packets reach "
			"several queues gives one record in each." },
	{ LIVE, 0, "workers", SF_OPTION_NUMBER, AT(workers), SF_CHECK, "N", "1", .min = 1,
		.max = 64,
		.help = "Capture queues to open, as a meter with N workers would. With several, "
			"the report also tells whether both directions of a conversation arrive on "
			"the same queue." },
	{ LIVE, 0, "direction", SF_OPTION_CHOICE, AT(direction), SF_METER | SF_CHECK, "DIRECTION",
		.choices = directions,
		.help = "Which packets to meter, as seen from this host: in (received), out (sent) "
			"or both. Default: in; with --no-promiscuous, both." },
	{ LIVE, 0, "snaplen", SF_OPTION_SIZE, AT(snaplen), SF_METER | SF_CHECK, "BYTES", .min = 64,
		.max = 262144,
		.help = "Bytes to capture of each packet. Default: what metering needs." },
	{ LIVE, 0, "ring-size", SF_OPTION_SIZE, AT(ring_size), SF_METER, "BYTES",
		.min = UINT64_C(1) << 20, .max = UINT64_C(1) << 30,
		.help = "Packet memory of each capture queue, 1 MiB to 1 GiB: a larger one bridges "
			"longer pauses of the program. Default: 32 MiB." },
	{ LIVE, 0, "immediate", SF_OPTION_FLAG, AT(immediate), SF_METER,
		.help = "Take packets as they come instead of in blocks (pcap:, xdp:): costs CPU "
			"time, and no accuracy is gained." },
	{ LIVE, 0, "no-promiscuous", SF_OPTION_FLAG, AT(no_promiscuous), SF_METER | SF_CHECK,
		.help = "Do not switch the interface to promiscuous mode: meter only "
			"packets for this host." },
	{ LIVE, 0, "hardware-time", SF_OPTION_FLAG, AT(hardware_time), SF_METER | SF_CHECK,
		.help = "Use the network card's time stamps where it offers them." },
	{ LIVE, 0, "keep-offloads", SF_OPTION_FLAG, AT(keep_offloads), SF_METER,
		.help = "Leave GRO and LRO of the interface as they are. Without this option they "
			"are off while spanflow runs, because merged packets count as one." },
	{ LIVE, 0, "keep-link", SF_OPTION_FLAG, AT(keep_link), SF_METER,
		.help = "Leave an interface that is down as it is and wait until somebody switches "
			"it on, instead of switching it on for the time of the capture." },
	{ LIVE, 0, "no-wait", SF_OPTION_FLAG, AT(no_wait), SF_METER,
		.help = "Fail at once when an interface is missing or down at the start, or there "
			"is no route to a collector or its name does not resolve, instead of "
			"waiting for it: for scripts." },
	{ LIVE, 0, "set-rss", SF_OPTION_FLAG, AT(set_rss), SF_METER,
		.help = "Let spanflow change the card's RSS key while it runs, so that both "
			"directions of a connection reach the same queue. Restored at the end." },
	{ LIVE, 0, "driver-options", SF_OPTION_STRING, AT(driver_options), SF_METER | SF_CHECK,
		"TEXT",
		.help = "Options of DPDK's environment, such as '--no-huge -m 256'. Only "
			"some are allowed; a message names them." },
	{ LIVE, 0, "user", SF_OPTION_STRING, AT(user), SF_METER, "NAME",
		.help = "Account to run as after start-up, if started as root. Default: spanflow "
			"if it exists, otherwise nobody. A small helper process stays root to "
			"reopen interfaces that come back." },
	{ LIVE, 0, "no-sandbox", SF_OPTION_FLAG, AT(no_sandbox), SF_METER,
		.help = "Do not drop privileges or restrict system calls. For debugging only." },

	{ METERING, 0, "active-timeout", SF_OPTION_DURATION, AT(active_timeout_ns), SF_METER,
		"TIME", "60s", .max = 3 * DAY,
		.help = "Longest time that one record spans: a flow that lasts longer gives "
			"several. 0: no limit." },
	{ METERING, 0, "idle-timeout", SF_OPTION_DURATION, AT(idle_timeout_ns), SF_METER, "TIME",
		"15s", .max = 36500 * DAY,
		.help = "End a flow when no packet of it has come for this time. 0: never." },
	{ METERING, 0, "max-flows", SF_OPTION_NUMBER, AT(max_flows), SF_METER, "N", "4M", .min = 1,
		.max = UINT64_C(1) << 31,
		.help = "Most flows in the table. When it is full, the flow nearest to its end "
			"leaves with flowEndReason 5." },
	{ METERING, 0, "key", SF_OPTION_SET, AT(key), SF_METER, "PARTS",
		"address,port,protocol,vlan,tunnel", .choices = key_parts,
		.help = "Which properties tell flows apart: +PART and -PART change the default, a "
			"plain list replaces it." },
	{ METERING, 0, "tunnel", SF_OPTION_OWN, AT(tunnels), SF_METER, "MODE|KIND=MODE,...",
		.read = read_tunnels,
		.help = "Packets that carry packets: outer meters the tunnel's packet, inner the "
			"one inside, with its addresses and length; for all kinds, or as "
			"gre=inner,vxlan=outer. Kinds: vxlan, geneve, gre, nvgre, gtp-u, mpls-udp, "
			"l2tp, ipip, srv6, etherip, teredo, lisp, capwap, ah. Default: outer. "
			"Frames of remote mirrors (erspan, tzsp, hpe-erm, aruba-erm) are opened in "
			"any case, unless KIND=outer says otherwise." },
	{ METERING, 0, "tunnel-port", SF_OPTION_OWN, AT(tunnels), SF_METER, "KIND=PORT",
		.read = read_tunnel_port,
		.help = "A further UDP port of tunnels of this kind, such as vxlan=8473, or the "
			"port that a switch was given for hpe-erm." },
	{ METERING, 0, "mirror", SF_OPTION_FLAG, AT(tunnels.mirror), SF_METER,
		.help = "VXLAN, GENEVE and GRE on this network carry mirrored frames: meter the "
			"frames inside, as for ERSPAN." },
	{ METERING, 0, "fragments", SF_OPTION_CHOICE, AT(fragments), SF_METER, "MODE", "join",
		.choices = fragment_modes,
		.help = "Later fragments of an IP datagram, which have no ports: join counts them in "
			"the flow of the first fragment, split in a flow without ports." },
	{ METERING, 0, "per-packet", SF_OPTION_FLAG, AT(per_packet), SF_METER,
		.help = "Make one record of each packet." },
	{ METERING, 0, "hash", SF_OPTION_CHOICE, AT(hash), SF_METER, "NAME", "fast",
		.choices = hashes,
		.help = "Hash function of the flow table. fast switches to siphash automatically "
			"under a collision attack." },
	{ METERING, 0, "hash-seed", SF_OPTION_SEED, AT(hash_seed), SF_METER, "HEX",
		.help = "Seed of the hash function instead of a random one. For tests." },
	{ METERING, 0, "prealloc", SF_OPTION_FLAG, AT(prealloc), SF_METER,
		.help = "Take the memory of the whole flow table at start "
			"instead of as it fills." },
	{ METERING, 0, "workers", SF_OPTION_NUMBER, AT(workers), SF_METER, "N", "1", .min = 1,
		.max = 64,
		.help = "Threads that share the work: with -i for each source, each with a capture "
			"queue and a flow table of --max-flows; with -r for all files together. "
			"The records are the same for any number." },
	{ METERING, 0, "pin", SF_OPTION_FLAG, AT(pin), SF_METER,
		.help = "Pin the thread of each worker to a CPU, in turn over the CPUs that the "
			"process may use." },
	{ METERING, 0, "dedup", SF_OPTION_FLAG, AT(dedup), SF_METER,
		.help = "Leave out the second copy of a packet that the mirror session delivers "
			"twice within --dedup-window. Copies are counted." },
	{ METERING, 0, "dedup-window", SF_OPTION_DURATION, AT(dedup_window_ns), SF_METER, "TIME",
		"10ms", .min = 1000, .max = UINT64_C(1000000000),
		.help = "Longest time between the two copies of a packet." },
	{ METERING, 0, "meter-own-export", SF_OPTION_FLAG, AT(meter_own_export), SF_METER,
		.help = "Meter the packets that spanflow sends to collectors, too, when they pass "
			"the mirror port." },
	{ METERING, 0, "domain", SF_OPTION_NUMBER, AT(domain), SF_METER, "ID", "0",
		.max = UINT32_MAX,
		.help = "observationDomainId of the first source; each further source has "
			"the next number." },

	{ ENRICH, 0, "enrich", SF_OPTION_STRINGS, AT(enrich), SF_METER, "SOURCE", .max = 16,
		.help = "Add what a router would know of the addresses of a flow: AS numbers, next "
			"hops, prefix lengths, countries. SOURCE is a file or fib. A file is text "
			"(lines PREFIX AS [NEXT-HOP [BGP-NEXT-HOP]] [COUNTRY]), an MRT dump "
			"(TABLE_DUMP_V2) or a MaxMind DB, plain or compressed; SIGHUP reads it "
			"again, and a damaged one leaves what was read before in use. fib is the "
			"kernel's routes, followed while they change. SOURCE,what=as+country "
			"takes only some of as, hop, bgp-hop, mask, country. Of several sources "
			"the first that knows a fact gives it." },
	{ ENRICH, 0, "interface-map", SF_OPTION_STRING, AT(interface_map), SF_METER, "FILE",
		.help = "Tell the interfaces of the switch instead of the capture port, by the rules "
			"of this file: lines such as 'ingress 11 port=eth1 vlan=10', 'behind 12 "
			"mac=02:00:00:00:00:15', 'direction egress port=eth2', and their names: "
			"'interface 11 name=ge-0/0/1 speed=10G'. docs/enrich.md has all of it. "
			"SIGHUP reads the file again." },
	{ ENRICH, 0, "egress", SF_OPTION_CHOICE, AT(egress), SF_METER, "INTERFACE", "same",
		.choices = egresses,
		.help = "egressInterface where no rule of --interface-map decides: same (as "
			"ingressInterface), 0 (unknown), learn (the port behind which the MAC "
			"address of the receiver was seen), fib (of this host's route to the "
			"receiver)." },
	{ ENRICH, 0, "local-net", SF_OPTION_STRING, AT(local_net), SF_METER, "PREFIX[,...]",
		.help = "The own network: flowDirection is 1 (egress) for packets from it to "
			"elsewhere, else 0. Default: private and unique-local addresses "
			"(10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7). A rule of "
			"--interface-map comes first." },

	{ EXPORT, 0, "where", SF_OPTION_STRING, AT(where), SF_METER, "EXPR",
		.help = "Export and print only flows that meet these conditions, such as 'not (tcp or "
			"udp) or tos != 0': the language of spanflow show --where. Unlike -f it looks "
			"at flows, also behind VLAN tags and IPv6 extension headers. Each direction is "
			"looked at by itself, with --biflow both together. What is left out is "
			"counted as skipped: where." },
	{ ASK, 0, "where", SF_OPTION_STRING, AT(where),
		SF_SHOW | SF_QUESTION | SF_COLLECT, "EXPR",
		.help = "Take only flow records that meet these conditions, such as 'proto udp and "
			"port 53 and packets < 20 and bytes > 100k': [src|dst] host, net, port, "
			"as, country; proto, flags S/SA, tos, vlan, if; bytes, packets, duration, "
			"bps, pps, bpp; start, end; ip in FILE; exporter, domain; any information "
			"element by its IANA name; and, or, not, parentheses. Both directions of a "
			"biflow are looked at as two records, with --biflow as one." },
	{ ASK, 0, "where", SF_OPTION_STRING, AT(where), SF_REPORT, "EXPR",
		.help = "Take only flows that meet these conditions, such as 'proto udp and port 53 "
			"and bytes > 100k': the language of spanflow show --where. Both directions "
			"of a biflow are looked at as two flows. The page names the condition, and "
			"has a field for further ones." },
	{ ASK, 0, "baseline", SF_OPTION_STRING, AT(baseline), SF_SHOW | SF_QUESTION, "FILE",
		.help = "Flows from before, a file or a directory: 'ip in baseline' in --where then "
			"means the hosts of it." },
	{ ASK, 0, "by", SF_OPTION_STRING, AT(by), SF_SHOW | SF_QUESTION, "FIELDS",
		.help = "Sum up records in groups of equal fields, such as src,dst or dst,dport,proto: "
			"any field of --where, and src/24 (a network), pair (both hosts, in no "
			"order), host and port (of either side), server, service and client (who "
			"answered, who asked), inside and outside (the private address and the "
			"other one). spanflow ask --fields lists the fields." },
	{ ASK, 0, "sum", SF_OPTION_STRING, AT(sum), SF_SHOW | SF_QUESTION, "LIST",
		.help = "What to sum up of each group: flows, packets, bytes, duration, first, last, "
			"distinct(FIELD), sum, min, max and avg(FIELD), bpp, bps, pps, sent, "
			"received, ratio, span, interval, jitter. Default: flows,packets,bytes." },
	{ ASK, 0, "top", SF_OPTION_STRING, AT(top), SF_SHOW | SF_QUESTION, "N[:SUM]",
		.help = "The N largest groups by this sum; without it by bytes, or the first sum." },
	{ ASK, 0, "bottom", SF_OPTION_STRING, AT(bottom), SF_SHOW | SF_QUESTION, "N[:SUM]",
		.help = "The N smallest groups." },
	{ ASK, 0, "every", SF_OPTION_DURATION, AT(every_ns), SF_SHOW | SF_QUESTION, "TIME",
		.min = MS, .max = 36500 * DAY,
		.help = "A group for each such time, such as 1h, aligned to the clock; records count "
			"where they begin." },
	{ ASK, 0, "spread", SF_OPTION_FLAG, AT(spread), SF_SHOW | SF_QUESTION,
		.help = "With --every: spread bytes and packets of a record evenly over the time that "
			"it lasts." },
	{ ASK, 0, "share", SF_OPTION_FLAG, AT(share), SF_SHOW | SF_QUESTION,
		.help = "Two more columns: per cent of the total, and of all groups so far." },
	{ ASK, 0, "having", SF_OPTION_STRING, AT(having), SF_SHOW | SF_QUESTION, "CONDITIONS",
		.help = "Only groups whose sums meet this, such as 'flows >= 10 and distinct(dport) > "
			"100'." },
	{ ASK, 0, "sort", SF_OPTION_STRING, AT(sort), SF_SHOW | SF_QUESTION, "COLUMNS",
		.help = "Order of the groups: names behind commas, each perhaps with + (rising) or - "
			"(falling). Without it sums fall and keys rise." },
	{ ASK, 0, "limit", SF_OPTION_NUMBER, AT(limit), SF_SHOW | SF_QUESTION, "N", .min = 1,
		.help = "Print N groups or records at most." },
	{ ASK, 0, "columns", SF_OPTION_STRING, AT(columns), SF_SHOW | SF_QUESTION, "LIST",
		.help = "Which columns of groups to print, in this order." },
	{ ASK, 0, "memory", SF_OPTION_SIZE, AT(memory), SF_SHOW | SF_QUESTION, "BYTES", "1G",
		.min = UINT64_C(1) << 20,
		.help = "Most memory for groups. A question that needs more ends with a message "
			"instead of an answer. With several workers, for each." },
	{ ASK, 0, "workers", SF_OPTION_NUMBER, AT(workers), SF_SHOW | SF_QUESTION, "N", "1",
		.min = 1, .max = 64,
		.help = "Threads that answer a question about groups together, from files. The answer "
			"is the same for any number; jitter, standard input and -w are left to "
			"one." },

	{ EXPORT, 'e', "export", SF_OPTION_STRINGS, AT(collectors), SF_METER, "COLLECTOR",
		.url_options = SF_URL_TO_COLLECTORS | SF_URL_TO_TLS,
		.help = "Send records to a collector: ipfix://host:4739 (UDP), tcp://host:4739 "
			"(IPFIX over TCP), tls://host:4740 (over TLS), netflow9://host:2055 or "
			"netflow5://host:2055. Options "
			"follow after commas: ipfix://[::1]:4739,biflow=yes,rate=50000." },
	{ EXPORT, 'w', "write", SF_OPTION_STRINGS, AT(write), SF_METER, "FILE",
		.url_options = SF_URL_TO_FILE,
		.help = "Write records to an IPFIX file (RFC 5655); - is standard output." },
	{ EXPORT, 'w', "write", SF_OPTION_STRINGS, AT(write), SF_SHOW | SF_QUESTION | SF_COLLECT,
		"FILE",
		.help = "Write records to an IPFIX file (RFC 5655) as they were sent, options "
			"records included; - is standard output." },
	{ EXPORT, 0, "pass", SF_OPTION_STRINGS, AT(write), SF_SHOW | SF_QUESTION, "FILE",
		.help = "The same as --write: records that meet --where." },
	{ EXPORT, 0, "fail", SF_OPTION_STRINGS, AT(fail), SF_SHOW | SF_QUESTION, "FILE",
		.help = "Write records that do not meet --where to an IPFIX file." },
	{ EXPORT, 0, "force", SF_OPTION_FLAG, AT(force),
		SF_METER | SF_SHOW | SF_QUESTION | SF_COLLECT,
		.help = "-w replaces a file that exists and is not empty; without this, such a "
			"file is left as it is and the run ends. New files have the mode 0640, "
			"less the umask." },
	{ EXPORT, 0, "queue-size", SF_OPTION_SIZE, AT(queue_size), SF_METER, "BYTES", "512M",
		.min = 65536, .max = UINT64_C(64) << 30,
		.help = "Live: most memory for records that wait for a slow destination, 64 KiB to "
			"64 GiB; a record takes 192 bytes. When the queue is full its oldest "
			"records are lost for this destination and counted as queue. For one "
			"destination alone: queue=BYTES after a comma." },
	{ EXPORT, 0, "spool", SF_OPTION_STRING, AT(spool), SF_METER, "DIR",
		.help = "Collectors over TCP and TLS: keep records in this directory while the "
			"collector is away or slow, and after the end of the run; the next run "
			"with the same directory and collector sends them. The directory must "
			"exist; a run uses it alone." },
	{ EXPORT, 0, "spool-max", SF_OPTION_SIZE, AT(spool_max), SF_METER, "BYTES", "1G",
		.min = 4 << 20, .max = UINT64_C(1) << 50,
		.help = "Most bytes of the spool of one collector, from 4 MiB on." },
	{ EXPORT, 0, "spool-drop", SF_OPTION_CHOICE, AT(spool_drop), SF_METER, "WHICH", "oldest",
		.choices = spool_drops,
		.help = "Which records are lost, and counted as spool, when the spool is full: "
			"oldest or newest." },
	{ EXPORT, 0, "stop-timeout", SF_OPTION_DURATION, AT(stop_timeout_ns), SF_METER, "TIME",
		"60s", .max = DAY,
		.help = "Live: longest time that the end of a run waits for destinations to take "
			"the queued records; what is left then is lost and counted as stopped. A "
			"further signal, a second or more later, ends the wait at once." },
	{ EXPORT, 0, "fields", SF_OPTION_STRING, AT(fields), SF_METER, "LIST",
		.help = "Fields of the records in print, in files and at collectors: names "
			"and the groups default, plain and extended, behind commas, + or -, "
			"such as default+minimumTTL-vlanId. A list that begins with + or - "
			"changes what a destination has anyway. spanflow list fields names "
			"them. For one destination: fields=default+minimumTTL after a comma. "
			"NetFlow v5 has its own." },
	{ EXPORT, 0, "fields", SF_OPTION_STRING, AT(fields), SF_SHOW | SF_COLLECT, "LIST",
		.help = "Columns of csv and table: names and the groups default, plain and "
			"extended, behind commas, + or -. spanflow list fields names them." },
	{ EXPORT, 'o', "output", SF_OPTION_CHOICE, AT(output), SF_METER, "FORMAT",
		.choices = outputs,
		.help = "Print records to standard output in this format. Without -e, "
			"-w and -o: table." },
	{ EXPORT, 'o', "output", SF_OPTION_CHOICE, AT(output), SF_SHOW | SF_QUESTION | SF_COLLECT,
		"FORMAT", .choices = outputs,
		.help = PRINT_COLLECTED " Without -w and -o: table." },
	{ EXPORT, 'o', "output", SF_OPTION_CHOICE, AT(output), SF_CHECK, "FORMAT", "table",
		.choices = check_outputs, .help = "table (readable) or json (one line)." },
	{ EXPORT, 0, "options", SF_OPTION_FLAG, AT(show_options), SF_SHOW | SF_COLLECT,
		.help = "With -o json: print options records, too (sampling, interface names, "
			"statistics of the exporter)." },
	{ EXPORT, 0, "biflow", SF_OPTION_FLAG, AT(biflow), SF_SHOW | SF_QUESTION | SF_COLLECT,
		.help = "In table and csv: one line for both directions of a conversation, where "
			"the exporter sent them in one record." },
	{ EXPORT, 0, "biflow", SF_OPTION_FLAG, AT(biflow), SF_METER,
		.help = "One record for both directions of a conversation (RFC 5103), in print, in "
			"files and to IPFIX collectors. Without it: one for each direction." },
	{ EXPORT, 0, "wide", SF_OPTION_FLAG, AT(wide),
		SF_METER | SF_SHOW | SF_QUESTION | SF_COLLECT,
		.help = "Print the table with everything in full: date, addresses, exact bytes, "
			"port numbers. Without it, rows fit the terminal." },
	{ EXPORT, 0, "local-time", SF_OPTION_FLAG, AT(local_time),
		SF_METER | SF_SHOW | SF_QUESTION | SF_COLLECT,
		.help = "Print the table's times in local time instead of UTC." },

	{ PAGE, 'o', "output", SF_OPTION_STRING, AT(page), SF_REPORT, "FILE",
		.help = "Write the page to this file. A page that is there is replaced; any other "
			"file only with --force. Without it, or with -: standard output." },
	{ PAGE, 0, "title", SF_OPTION_STRING, AT(title), SF_REPORT, "TEXT",
		.help = "Title of the page. Default: Network flows." },
	{ PAGE, 0, "local-net", SF_OPTION_STRING, AT(local_net), SF_REPORT, "PREFIX[,...]",
		.help = "The own network, such as 192.0.2.0/24,2001:db8::/32: the page tells inside "
			"from outside by it. Default: private and link-local addresses." },
	{ PAGE, 0, "anonymize", SF_OPTION_FLAG, AT(anonymize), SF_REPORT,
		.help = "Replace addresses by others: hosts of one network stay in one network. Names "
			"and exporters are numbered." },
	{ PAGE, 0, "refresh", SF_OPTION_DURATION, AT(refresh_ns), SF_REPORT, "TIME",
		.min = UINT64_C(1000000000), .max = DAY,
		.help = "Read the files and write the page again after each TIME, until a signal comes. "
			"Browsers that show the page load it again." },
	{ PAGE, 0, "force", SF_OPTION_FLAG, AT(force), SF_REPORT,
		.help = "Replace the file of -o, whatever it is." },

	{ GENERAL, 0, "stats", SF_OPTION_CHOICE, AT(stats),
		SF_METER | SF_SHOW | SF_QUESTION | SF_COLLECT, "FORMAT", .choices = stats_formats,
		.help = "Format of the statistics at the end of a run: text, json (one line, the "
			"last on standard error) or none. Default: text; none with --quiet. "
			"Signal USR1 prints them while the run goes on." },
	{ GENERAL, 0, "metrics", SF_OPTION_STRING, AT(metrics), SF_METER | SF_COLLECT,
		"[ADDRESS:]PORT",
		.help = "Serve the counters for Prometheus (/metrics), and /healthz and /readyz, by "
			"HTTP: 9469 on 127.0.0.1, 192.0.2.1:9469, :9469 on all addresses, or the "
			"path of a Unix socket. There is no password. docs/metrics.md lists the "
			"metrics." },
	{ GENERAL, 'q', "quiet", SF_OPTION_FLAG, AT(quiet),
		SF_METER | SF_SHOW | SF_QUESTION | SF_COLLECT | SF_CHECK | SF_REPORT,
		.help = "Print only errors, losses and what was asked for." },
	{ GENERAL, 0, "fail-on-loss", SF_OPTION_FLAG, AT(fail_on_loss), SF_METER,
		.help = "Exit with status 3 if a packet was dropped by the kernel or the network "
			"card, or a packet or record was lost on the way to a destination. What "
			"was lost is printed in any case." },
	{ GENERAL, 0, "config", SF_OPTION_STRING, AT(config),
		SF_METER | SF_SHOW | SF_QUESTION | SF_COLLECT | SF_REPORT, "FILE",
		.not_in_file = true,
		.help = "Read options from this file: lines of key = value, where keys are long "
			"option names. The command line takes precedence." },
	{ GENERAL, 'h', "help", SF_OPTION_FLAG, AT(help),
		SF_METER | SF_LIST | SF_SHOW | SF_QUESTION | SF_COLLECT | SF_CHECK | SF_REPORT,
		.not_in_file = true, .help = "Print this help and exit." },
	{ GENERAL, 'V', "version", SF_OPTION_FLAG, AT(version),
		SF_METER | SF_LIST | SF_SHOW | SF_QUESTION | SF_COLLECT | SF_CHECK | SF_REPORT,
		.not_in_file = true, .help = "Print the version and exit." },
	{ NULL },
};
