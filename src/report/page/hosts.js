// SPDX-License-Identifier: BSD-2-Clause
// Sums by host: what each sent and received.
import { ipv6 } from './data.js';

export function hostSums(store, except) {
  const { rows, hosts } = store.data;
  const column = () => new Float64Array(hosts.length);
  const sums = { sent: { bytes: column(), packets: column(), flows: column() },
    received: { bytes: column(), packets: column(), flows: column() } };
  store.each(except, i => {
    for (const [side, host] of [[sums.sent, rows.src[i]], [sums.received, rows.dst[i]]]) {
      if (side === sums.received && host === rows.src[i])
        continue;
      side.bytes[host] += rows.bytes[i];
      side.packets[host] += rows.packets[i];
      side.flows[host] += rows.flows[i];
    }
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
  const all = items.length;
  items.sort((a, b) => b[measure] - a[measure] || a.key - b.key);
  return { items: items.slice(0, count), all };
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
