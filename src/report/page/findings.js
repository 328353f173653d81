// SPDX-License-Identifier: BSD-2-Clause
// What stands out among the chosen flows, in words. Each rule has its usual false alarms; the texts of the
// panel name them.
import { ANSWER, serviceName, UNANSWERED } from './data.js';
import { bytesText, counted, durationText, exactText, serviceLabel } from './format.js';

const CALLS_LEAST = 8; // of one conversation, for a beacon
const TRIES_LEAST = 100; // of one host, for a scan
const STARTS_MAX = 500; // times kept of one conversation

function median(values) {
  return Float64Array.from(values).sort()[values.length >> 1];
}

// Sums of the rows, but for choices of hosts, so that one finding after the other can be chosen: bytes by pair,
// starts of requests by conversation, targets by source. Most conversations and sources are too small for a
// finding: a first pass counts them, a second one looks at the others. Networks call and scan nothing: it is hosts
// in them that do.
function gather(store) {
  const { rows, hosts, pairs, talks } = store.data;
  const whole = Uint8Array.from(hosts, host => host.whole);
  const bytes = new Float64Array(pairs.count);
  const dns = { bytes: new Float64Array(pairs.count), packets: new Float64Array(pairs.count) };
  const tries = new Uint32Array(hosts.length);
  const calls = new Uint32Array(talks.count);
  let all = 0;
  store.each(['host', 'pair'], i => {
    const pair = rows.pair[i];
    all += rows.bytes[i];
    bytes[pair] += rows.bytes[i];
    if ((rows.service[i] & 0xffff) === 53) {
      dns.bytes[pair] += rows.bytes[i];
      dns.packets[pair] += rows.packets[i];
    }
    if (rows.role[i] === ANSWER || !whole[rows.src[i]])
      return;
    tries[rows.src[i]]++;
    if (whole[rows.dst[i]])
      calls[rows.talk[i]]++;
  });
  return { pairs, bytes, dns, all, ...lookAt(store, whole, tries, calls) };
}

function lookAt(store, whole, tries, calls) {
  const { rows } = store.data;
  const talks = new Map();
  const sources = new Map();
  const entry = (map, key, make) => {
    let value = map.get(key);
    if (!value)
      map.set(key, value = make());
    return value;
  };
  store.each(['host', 'pair'], i => {
    if (rows.role[i] === ANSWER || !whole[rows.src[i]])
      return;
    if (tries[rows.src[i]] >= TRIES_LEAST) {
      const source = entry(sources, rows.src[i], () => ({ targets: new Set(), doors: new Set(), flows: 0, open: 0 }));
      source.targets.add(rows.dst[i]);
      source.doors.add(rows.dst[i] * 0x10000 + rows.dport[i]);
      source.flows += rows.flows[i];
      source.open += rows.role[i] === UNANSWERED ? 0 : rows.flows[i];
    }
    if (!whole[rows.dst[i]] || calls[rows.talk[i]] < CALLS_LEAST)
      return;
    const talk = entry(talks, rows.talk[i], () => ({ i, starts: [], flows: 0 }));
    talk.flows += rows.flows[i];
    if (talk.starts.length < STARTS_MAX)
      talk.starts.push(rows.start[i]);
  });
  return { talks, sources };
}

function isGroup(host) {
  return host.version === 4 ? host.bytes[0] >= 224 : host.bytes[0] === 0xff;
}

function exfiltration({ pairs, bytes, all }, hosts) {
  const least = Math.max(100000, Math.min(1000000, all / 100));
  const found = [];
  bytes.forEach((sent, pair) => {
    const [src, dst] = [pairs.first[pair], pairs.second[pair]];
    if (sent < least || !hosts[src].local || hosts[dst].local || !hosts[dst].bits || isGroup(hosts[dst]))
      return;
    const back = bytes[pairs.find(dst, src)] ?? 0;
    if (sent >= 5 * back)
      found.push({ kind: 'exfiltration', host: src, peer: dst, weight: sent,
        text: `sent ${bytesText(sent)} to ${hosts[dst].name} and got ${bytesText(back)} back` });
  });
  return found;
}

// Not among flows that were added up: their times are those of the sums.
function beacons({ talks }, { rows, hosts, about }) {
  const found = [];
  if (about.sums)
    return found;
  for (const { i, starts, flows } of talks.values()) {
    if (flows > starts.length + STARTS_MAX)
      continue;
    const times = Float64Array.from(starts).sort();
    const gaps = times.subarray(1).map((time, k) => time - times[k]);
    const usual = median(gaps);
    if (usual >= 2000 && median(gaps.map(gap => Math.abs(gap - usual))) <= 0.1 * usual)
      found.push({ kind: 'beacon', host: rows.src[i], peer: rows.dst[i], weight: starts.length,
        text: `called ${hosts[rows.dst[i]].name} (${serviceLabel(serviceName(rows.service[i]))}) ` +
          `${exactText(flows)} times, every ${durationText(usual)}` });
  }
  return found;
}

function scans({ sources }) {
  const found = [];
  for (const [host, { targets, doors, flows, open }] of sources) {
    if (doors.size >= TRIES_LEAST && open <= 0.3 * flows)
      found.push({ kind: 'scan', host, weight: doors.size,
        text: `tried ${counted(targets.size, 'host')} and ${counted(doors.size, 'port')}; ` +
          `${exactText(flows - open)} of ${exactText(flows)} flows were not answered` });
  }
  return found;
}

function dnsTunnels({ pairs, dns }, hosts) {
  const found = [];
  dns.bytes.forEach((bytes, pair) => {
    const [src, dst, packets] = [pairs.first[pair], pairs.second[pair], dns.packets[pair]];
    if (bytes >= 100000 && bytes >= 110 * packets && hosts[src].local)
      found.push({ kind: 'dns', host: src, peer: dst, weight: bytes,
        text: `sent ${bytesText(bytes)} over port 53 to ${hosts[dst].name}, ${Math.round(bytes / packets)} bytes a packet` });
  });
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
