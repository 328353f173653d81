/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which socket of a port gets a datagram. The kernel's own choice is a hash of the datagram's
 * addresses and ports, so all frames of a mirror that sends from one port would come to one socket.
 * For mirrors of Ethernet frames a program chooses instead, by the addresses inside the frame.
 */
#include <errno.h>
#include <string.h>

#include "base/steer_bpf.h"
#include "socket/socket.h"

#define RULES(name)        name, sizeof(name) / sizeof(name[0])
#define ETHERNET_IN_GENEVE 0x6558
#define TZSP_END           1

/*
 * Each program leaves the offset of the Ethernet frame in X (0: right behind UDP), or ends with the
 * kernel's own choice.
 */
static const struct sock_filter vxlan[] = { BPF_STMT(BPF_LDX | BPF_IMM, 8) };

static const struct sock_filter geneve[] = {
	BPF_STMT(BPF_LD | BPF_ABS | BPF_H, 2),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERNET_IN_GENEVE, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SF_STEER_BPF_OTHER),
	BPF_STMT(BPF_LD | BPF_ABS | BPF_B, 0), /* length of the options, in words */
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x3f),
	BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 2),
	BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 8),
	BPF_STMT(BPF_MISC | BPF_TAX, 0),
};

/* Headers with more tags than the last one are rare. */
static const struct sock_filter tzsp[] = {
	BPF_STMT(BPF_LD | BPF_ABS | BPF_B, 4),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TZSP_END, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SF_STEER_BPF_OTHER),
	BPF_STMT(BPF_LDX | BPF_IMM, 5),
};

static const struct sock_filter hpe_erm[] = { BPF_STMT(BPF_LDX | BPF_IMM, 12) };

/* `port`: means this kind if the user names none; 0: no port does. */
static const struct row {
	const char *kind;
	uint16_t port;
	const struct sock_filter *rules;
	unsigned count;
} rows[] = {
	{ "vxlan", 4789, RULES(vxlan) },
	{ "vxlan", 4790, RULES(vxlan) },
	{ "vxlan", 8472, RULES(vxlan) },
	{ "geneve", 6081, RULES(geneve) },
	{ "tzsp", 37008, RULES(tzsp) },
	{ "hpe-erm", 0, RULES(hpe_erm) },
};

static const struct row *find_row(const struct sf_socket_name *name)
{
	for (const struct row *row = rows; row < rows + sizeof(rows) / sizeof(rows[0]); row++)
		if (name->kind[0] ? strcmp(name->kind, row->kind) == 0 : name->port == row->port)
			return row;
	return NULL;
}

unsigned sf_socket_program(struct sock_filter *program, const struct sf_socket_name *name,
	const uint32_t *key, unsigned sockets)
{
	const struct row *row = find_row(name);

	if (!row)
		return 0;
	memcpy(program, row->rules, row->count * sizeof(*program));
	return row->count + sf_steer_bpf_frames(program + row->count, key, sockets);
}

int sf_socket_steer(
	int fd, const struct sf_socket_name *name, const uint32_t *key, unsigned sockets)
{
	struct sock_filter rules[SF_SOCKET_PROGRAM_MAX];
	struct sock_fprog program = { .filter = rules };

	program.len = (unsigned short)sf_socket_program(rules, name, key, sockets);
	if (program.len &&
		setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) < 0)
		return -errno;
	return 0;
}
