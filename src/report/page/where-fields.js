// SPDX-License-Identifier: BSD-2-Clause
// What can be asked of a row: the fields of src/ask/field.c that the page holds. A field's `read` gives the
// value of a row, or undefined: the record does not have it.
import { isIcmp } from './data.js';

// Bits of `known`: SF_KNOWN_… of include/spanflow/collect.h, but for the last.
const KNOWN = { bytes: 1, packets: 2, start: 4, end: 8, ingress: 0x10, egress: 0x20, flags: 0x80, tos: 0x100,
  icmp: 0x8000, port: 0x20000, protocol: 0x80000, reason: 0x200000, dport: 0x100000, flows: 0x1000000 };
const HAS_VLAN = 4;
const HAS_CVLAN = 8;
const WITH_PORTS = new Set([6, 17, 33, 132, 136]);
const NAME_KINDS = { sni: 1, dns: 2, 'http-host': 3 };

function traitOf(data) {
  const { rows, traits } = data;
  return i => traits[rows.traits[i]];
}

// value(i), if the record has all bits of `known`
function known(data, bits, value) {
  const trait = traitOf(data);
  return i => ((trait(i).known & bits) === bits ? value(i) : undefined);
}

function portField(data, values, bit) {
  const { rows } = data;
  const trait = traitOf(data);
  return i => {
    const bits = trait(i).known;
    return bits & bit && (WITH_PORTS.has(rows.proto[i]) || !(bits & KNOWN.protocol)) ? values[i] : undefined;
  };
}

function icmpField(data, part) {
  const { rows } = data;
  return known(data, KNOWN.icmp, i => (isIcmp(rows.proto[i]) && (rows.sport[i] || rows.dport[i]) ? part(rows.sport[i])
    : undefined));
}

function flagsField(data) {
  const { rows } = data;
  const trait = traitOf(data);
  return known(data, KNOWN.flags, i => (rows.proto[i] === 6 || !(trait(i).known & KNOWN.protocol) ? rows.flags[i] : undefined));
}

function rate(data, bit, amount) {
  const { rows } = data;
  return known(data, bit, i => (rows.duration[i] > 0 ? Math.floor(amount(i) * 1e9 / (rows.duration[i] * 1e6)) : undefined));
}

function numberFields(data) {
  const { rows } = data;
  const trait = traitOf(data);
  const of = name => i => trait(i)[name];
  const number = read => ({ type: 'number', read });
  return {
    bytes: number(known(data, KNOWN.bytes, i => rows.bytes[i])),
    packets: number(known(data, KNOWN.packets, i => rows.packets[i])),
    bps: number(rate(data, KNOWN.bytes, i => 8 * rows.bytes[i])),
    pps: number(rate(data, KNOWN.packets, i => rows.packets[i])),
    bpp: number(known(data, KNOWN.bytes, i => (rows.packets[i] ? Math.floor(rows.bytes[i] / rows.packets[i]) : undefined))),
    tos: number(known(data, KNOWN.tos, of('tos'))),
    vlan: number(i => (trait(i).has & HAS_VLAN ? trait(i).vlan : undefined)),
    cvlan: number(i => (trait(i).has & HAS_CVLAN ? trait(i).cvlan : undefined)),
    'in-if': number(known(data, KNOWN.ingress, of('ingress'))),
    'out-if': number(known(data, KNOWN.egress, of('egress'))),
    'icmp-type': number(icmpField(data, port => port >> 8)),
    'icmp-code': number(icmpField(data, port => port & 255)),
    icmpTypeCodeIPv4: number(icmpField(data, port => port)),
    version: number(of('version')),
    reason: number(known(data, KNOWN.reason, of('reason'))),
    deltaFlowCount: number(known(data, KNOWN.flows, i => rows.flows[i])),
    domain: number(of('domain')),
  };
}

function sideFields(data) {
  const { rows, hosts } = data;
  const host = (side, read) => i => read(hosts[rows[side][i]]);
  const fields = {};
  for (const [prefix, side] of [['src', 'src'], ['dst', 'dst']]) {
    fields[prefix] = { type: 'address', read: host(side, h => (h.version ? h.bytes : undefined)), bits: host(side, h => h.bits) };
    fields[`${prefix}as`] = { type: 'number', read: host(side, h => h.as) };
    fields[`${prefix}country`] = { type: 'text', read: host(side, h => h.country || undefined) };
  }
  return fields;
}

function textFields(data) {
  const { rows, texts } = data;
  const trait = traitOf(data);
  const fields = {
    exporter: { type: 'exporter', read: i => trait(i).exporter },
    app: { type: 'text', read: i => trait(i).app || undefined },
  };
  for (const [name, kind] of Object.entries(NAME_KINDS))
    fields[name] = { type: 'text', read: i => (rows.name[i] && trait(i).kind === kind ? texts[rows.name[i]] : undefined) };
  return fields;
}

const ELEMENTS = {
  sourceIPv4Address: 'src', sourceIPv6Address: 'src', destinationIPv4Address: 'dst', destinationIPv6Address: 'dst',
  sourceTransportPort: 'sport', destinationTransportPort: 'dport', protocolIdentifier: 'proto', octetDeltaCount: 'bytes',
  packetDeltaCount: 'packets', flowStartMilliseconds: 'start', flowEndMilliseconds: 'end', flowStartMicroseconds: 'start',
  flowEndMicroseconds: 'end', flowStartNanoseconds: 'start', flowEndNanoseconds: 'end', tcpControlBits: 'flags',
  ipClassOfService: 'tos', vlanId: 'vlan', dot1qVlanId: 'vlan', dot1qCustomerVlanId: 'cvlan', ingressInterface: 'in-if',
  egressInterface: 'out-if', icmpTypeCodeIPv6: 'icmpTypeCodeIPv4', ipVersion: 'version', flowEndReason: 'reason',
  observationDomainId: 'domain', bgpSourceAsNumber: 'srcas', bgpDestinationAsNumber: 'dstas', sourceCountry: 'srccountry',
  destinationCountry: 'dstcountry', applicationName: 'app',
};

// `unit`: ns of a value's unit, of durations and times.
export function makeFields(data) {
  const { rows } = data;
  const fields = {
    ...numberFields(data), ...sideFields(data), ...textFields(data),
    sport: { type: 'number', port: true, read: portField(data, rows.sport, KNOWN.port) },
    dport: { type: 'number', port: true, read: portField(data, rows.dport, KNOWN.dport) },
    proto: { type: 'protocol', read: known(data, KNOWN.protocol, i => rows.proto[i]) },
    flags: { type: 'flags', read: flagsField(data) },
    duration: { type: 'duration', unit: 1000000n, read: known(data, KNOWN.start | KNOWN.end, i => rows.duration[i]) },
    start: { type: 'time', unit: 1000000n, read: known(data, KNOWN.start, i => rows.start[i]) },
    end: { type: 'time', unit: 1000000n, read: known(data, KNOWN.end, i => rows.start[i] + rows.duration[i]) },
  };
  for (const [element, name] of Object.entries(ELEMENTS))
    fields[element] ??= fields[name];
  return fields;
}
