// SPDX-License-Identifier: BSD-2-Clause
// What stands out among the chosen flows, in words. Each rule has its usual false alarms; the texts of the
// panel name them.
import { serviceName } from './data.js';
import { bytesText, counted, durationText, exactText, serviceLabel } from './format.js';

const ANSWER = 2;
const UNANSWERED = 0;
const STARTS_MAX = 500; // times kept of one conversation

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

// One pass over the rows (but for choices of hosts, so that one finding after the other can be chosen): bytes by pair, starts of requests by conversation, targets by source.
// Networks call and scan nothing: it is hosts in them that do.
function gather(store) {
  const { rows, hosts } = store.data;
  const size = hosts.length;
  const pairs = new Map();
  const talks = new Map();
  const sources = new Map();
  const entry = (map, key, make) => {
    let value = map.get(key);
    if (!value)
      map.set(key, value = make());
    return value;
  };
  let all = 0;
  store.each(['host', 'pair'], i => {
    all += rows.bytes[i];
    const pair = rows.src[i] * size + rows.dst[i];
    const sum = entry(pairs, pair, () => ({ bytes: 0, dns: 0, dnsPackets: 0 }));
    sum.bytes += rows.bytes[i];
    if ((rows.service[i] & 0xffff) === 53) {
      sum.dns += rows.bytes[i];
      sum.dnsPackets += rows.packets[i];
    }
    if (rows.role[i] === ANSWER || !hosts[rows.src[i]].whole)
      return;
    const source = entry(sources, rows.src[i], () => ({ targets: new Set(), doors: new Set(), flows: 0, open: 0 }));
    source.targets.add(rows.dst[i]);
    source.doors.add(rows.dst[i] * 0x10000 + rows.dport[i]);
    source.flows += rows.flows[i];
    source.open += rows.role[i] === UNANSWERED ? 0 : rows.flows[i];
    if (!hosts[rows.dst[i]].whole)
      return;
    const talk = entry(talks, pair * 0x2000000 + rows.service[i], () => ({ i, starts: [], flows: 0 }));
    talk.flows += rows.flows[i];
    if (talk.starts.length < STARTS_MAX)
      talk.starts.push(rows.start[i]);
  });
  return { pairs, talks, sources, size, all };
}

function isGroup(host) {
  return host.version === 4 ? host.bytes[0] >= 224 : host.bytes[0] === 0xff;
}

function exfiltration({ pairs, size, all }, hosts) {
  const least = Math.max(100000, Math.min(1000000, all / 100));
  const found = [];
  for (const [key, { bytes }] of pairs) {
    const [src, dst] = [Math.floor(key / size), key % size];
    const back = pairs.get(dst * size + src)?.bytes ?? 0;
    if (hosts[src].local && !hosts[dst].local && hosts[dst].bits && !isGroup(hosts[dst]) && bytes >= least && bytes >= 5 * back)
      found.push({ kind: 'exfiltration', host: src, peer: dst, weight: bytes,
        text: `sent ${bytesText(bytes)} to ${hosts[dst].name} and got ${bytesText(back)} back` });
  }
  return found;
}

// Not among flows that were added up: their times are those of the sums.
function beacons({ talks }, { rows, hosts, about }) {
  const found = [];
  if (about.sums)
    return found;
  for (const { i, starts, flows } of talks.values()) {
    if (starts.length < 8 || flows > starts.length + STARTS_MAX)
      continue;
    const times = [...starts].sort((a, b) => a - b);
    const gaps = times.slice(1).map((time, k) => time - times[k]);
    const usual = median(gaps);
    const spread = median(gaps.map(gap => Math.abs(gap - usual)));
    if (usual >= 2000 && spread <= 0.1 * usual)
      found.push({ kind: 'beacon', host: rows.src[i], peer: rows.dst[i], weight: starts.length,
        text: `called ${hosts[rows.dst[i]].name} (${serviceLabel(serviceName(rows.service[i]))}) ` +
          `${exactText(flows)} times, every ${durationText(usual)}` });
  }
  return found;
}

function scans({ sources }) {
  const found = [];
  for (const [host, { targets, doors, flows, open }] of sources) {
    const wide = targets.size >= 100;
    if ((wide || doors.size >= 100) && open <= 0.3 * flows)
      found.push({ kind: 'scan', host, weight: doors.size,
        text: `tried ${counted(targets.size, 'host')} and ${counted(doors.size, 'port')}; ` +
          `${exactText(flows - open)} of ${exactText(flows)} flows were not answered` });
  }
  return found;
}

function dnsTunnels({ pairs, size }, hosts) {
  const found = [];
  for (const [key, { dns, dnsPackets }] of pairs) {
    const [src, dst] = [Math.floor(key / size), key % size];
    if (dns >= 100000 && dns >= 110 * dnsPackets && hosts[src].local)
      found.push({ kind: 'dns', host: src, peer: dst, weight: dns,
        text: `sent ${bytesText(dns)} over port 53 to ${hosts[dst].name}, ${Math.round(dns / dnsPackets)} bytes a packet` });
  }
  return found;
}

// Hosts whose bytes per packet are far from those of the others.
function outliers(items) {
  const sizes = items.filter(item => item.packets >= 20).map(item => Math.log(item.bytes / item.packets));
  if (sizes.length < 20)
    return [];
  const middle = median(sizes);
  const spread = 1.4826 * median(sizes.map(size => Math.abs(size - middle))) || 1;
  return items.filter(item => item.packets >= 20 && item.bytes > 0 &&
    Math.abs(Math.log(item.bytes / item.packets) - middle) > 3.5 * spread)
    .map(item => ({ kind: 'size', host: item.key, weight: item.bytes,
      text: `has ${Math.round(item.bytes / item.packets)} bytes a packet; the usual is ${Math.round(Math.exp(middle))}` }));
}

export const KINDS = {
  exfiltration: 'Much sent, little received',
  beacon: 'Regular calls',
  scan: 'Scan',
  dns: 'Much data over DNS',
  size: 'Unusual packet sizes',
};

// Findings, at most `most` of each kind; `items`: sums of hosts.
export function findings(page, items, most = 5) {
  const { data, store } = page;
  const facts = gather(store);
  const lists = [exfiltration(facts, data.hosts), beacons(facts, data), scans(facts),
    dnsTunnels(facts, data.hosts), outliers(items)];
  return lists.flatMap(list => list.sort((a, b) => b.weight - a.weight).slice(0, most));
}
