// SPDX-License-Identifier: BSD-2-Clause
// Sums by host: what each sent and received. A record that names one side only, such as the sum of what a
// network sent, counts for that side.
import { ipv6 } from './data.js';
import { largest } from './store.js';

export function hostSums(store, except) {
  const { rows, hosts, nowhere } = store.data;
  const column = () => new Float64Array(hosts.length);
  const sums = { sent: { bytes: column(), packets: column(), flows: column() },
    received: { bytes: column(), packets: column(), flows: column() } };
  const add = (side, host, i) => {
    side.bytes[host] += rows.bytes[i];
    side.packets[host] += rows.packets[i];
    side.flows[host] += rows.flows[i];
  };
  store.each(except, i => {
    const src = rows.src[i];
    const dst = rows.dst[i];
    if (src !== nowhere || dst === nowhere)
      add(sums.sent, src, i);
    if (dst !== src && dst !== nowhere)
      add(sums.received, dst, i);
  });
  return sums;
}

// { key, bytes, packets, flows } of a host, both directions; a flow of a host with itself counts once.
export function sumOfHost({ sent, received }, host) {
  return { key: host, bytes: sent.bytes[host] + received.bytes[host],
    packets: sent.packets[host] + received.packets[host], flows: sent.flows[host] + received.flows[host] };
}

// The hosts with most of a measure: { items, all }.
export function topHosts(sums, measure, count) {
  const items = [];
  for (let host = 0; host < sums.sent.flows.length; host++)
    if (sums.sent.flows[host] + sums.received.flows[host])
      items.push(sumOfHost(sums, host));
  return largest(items, measure, count);
}

// The network that a host is shown in: /24 of IPv4, /48 of IPv6. Wider networks stand for themselves.
export function networkOf(host) {
  if (host.bits < (host.version === 4 ? 24 : 48))
    return host.name;
  if (host.version === 4)
    return `${host.bytes[0]}.${host.bytes[1]}.${host.bytes[2]}.0/24`;
  if (host.version === 6)
    return `${ipv6(host.bytes.map((octet, i) => (i < 6 ? octet : 0)))}/48`;
  return 'no address';
}
