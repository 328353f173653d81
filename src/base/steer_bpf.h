/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sf_steer_hash() of base/steer.h as classic BPF programs, with which the kernel chooses the socket
 * of a packet. VLAN tags in the data, up to two, are skipped. Packets whose data ends before the
 * end of the addresses go to the first socket, because a load beyond the end ends a program with
 * result 0.
 */
#ifndef SPANFLOW_BASE_STEER_BPF_H
#define SPANFLOW_BASE_STEER_BPF_H

#include <linux/filter.h>
#include <stdint.h>

/* The longest program. */
#define SF_STEER_BPF_MAX 192

/*
 * For PACKET_FANOUT_CBPF. All loads are relative to the network header (SKF_NET_OFF), because the
 * data of an incoming packet begins there and the data of an outgoing packet begins at the link
 * header. The kernel has taken the outer VLAN tag out of the data. Packets that are not IP go to
 * the first socket. Returns the program's length.
 */
unsigned sf_steer_bpf_packets(struct sock_filter *program, const uint32_t *key);

/*
 * A number that is no socket's: the kernel then uses its own hash of the
 * datagram's addresses and ports.
 */
#define SF_STEER_BPF_OTHER UINT32_MAX

/*
 * For SO_ATTACH_REUSEPORT_CBPF: the end of a program for datagrams that carry Ethernet frames.
 * Before it, instructions have put the offset of the frame into X. Frames that are not IP:
 * SF_STEER_BPF_OTHER. Returns the length of what it wrote to `program`.
 */
unsigned sf_steer_bpf_frames(struct sock_filter *program, const uint32_t *key, unsigned sockets);

#endif
