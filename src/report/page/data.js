// SPDX-License-Identifier: BSD-2-Clause
// Reads what encode.c wrote: columns of numbers become typed arrays, addresses become texts.
import { protocolName, UNKNOWN_PROTOCOL } from './format.js';
import { PairNumbers } from './numbers.js';

export const UNANSWERED = 0;
export const REQUEST = 1;
export const ANSWER = 2;
const KNOWN_PROTOCOL = 0x80000; // SF_KNOWN_PROTOCOL of include/spanflow/collect.h

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  // The octets of the next column.
  column() {
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.at, 4);
    const from = this.at + 4;
    this.at = from + view.getUint32(0, true);
    return this.bytes.subarray(from, this.at);
  }

  // The next column as numbers (LEB128).
  numbers() {
    const bytes = this.column();
    let at = 0;
    return () => {
      let octet = bytes[at++];
      let number = octet & 0x7f;
      for (let scale = 128; octet > 0x7f; scale *= 128) {
        octet = bytes[at++];
        number += (octet & 0x7f) * scale;
      }
      return number;
    };
  }
}

export function ipv6(bytes) {
  const groups = [];
  for (let i = 0; i < 16; i += 2)
    groups.push((bytes[i] << 8 | bytes[i + 1]).toString(16));
  let text = groups.join(':');
  const zeros = [...text.matchAll(/\b0(?::0)+\b/g)].sort((a, b) => b[0].length - a[0].length)[0];
  if (zeros)
    text = text.slice(0, zeros.index).replace(/:$/, '') + '::' +
      text.slice(zeros.index + zeros[0].length).replace(/^:/, '');
  return text;
}

function readHosts(reader, count) {
  const [kind, local, as, country] = [reader.numbers(), reader.numbers(), reader.numbers(), reader.numbers()];
  const addresses = reader.column();
  const hosts = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const code = kind();
    const bits = code & 255;
    const version = code & 512 ? 0 : code & 256 ? 6 : 4;
    const length = version === 6 ? 16 : version;
    const bytes = addresses.subarray(at, at + length);
    const whole = version > 0 && bits === 8 * length;
    const letters = country();
    at += length;
    const address = version === 4 ? bytes.join('.') : version === 6 ? ipv6(bytes) : 'no address';
    const name = whole || !version ? address : `${address}/${bits}`;
    const number = as(); // plus one; 0: unknown
    hosts.push({ name, bytes, version, bits, whole, local: local() === 1, as: number ? number - 1 : undefined,
      country: letters ? String.fromCharCode(letters >> 8, letters & 255) : '' });
  }
  return hosts;
}

function emptyRows(count) {
  return {
    count,
    start: new Float64Array(count), duration: new Float64Array(count),
    src: new Uint32Array(count), dst: new Uint32Array(count),
    proto: new Uint16Array(count), sport: new Uint16Array(count), dport: new Uint16Array(count),
    bytes: new Float64Array(count), packets: new Float64Array(count), flows: new Float64Array(count),
    flags: new Uint16Array(count), traits: new Uint32Array(count), name: new Uint32Array(count),
    role: new Uint8Array(count),
    service: new Uint32Array(count), // protocol << 16 | port of the server's side
    pair: new Uint32Array(count), // number of the pair of source and destination
    link: new Uint32Array(count), // of client and server
    talk: new Uint32Array(count), // of link and service
  };
}

// Rows and the answers behind them share hosts, ports and protocol.
function readUnits(reader, rows, first) {
  const [kind, start, src, dst, proto, sport, dport] = Array.from({ length: 7 }, () => reader.numbers());
  const seconds = new Uint8Array(rows.count);
  let time = first;
  for (let i = 0; i < rows.count; i++) {
    const bits = kind();
    time += start();
    rows.start[i] = time;
    rows.role[i] = bits >> 1;
    rows.src[i] = src();
    rows.dst[i] = dst();
    rows.proto[i] = proto();
    rows.sport[i] = sport();
    rows.dport[i] = dport();
    if (!(bits & 1))
      continue;
    i++;
    seconds[i] = 1;
    rows.start[i] = time;
    rows.src[i] = rows.dst[i - 1];
    rows.dst[i] = rows.src[i - 1];
    rows.proto[i] = rows.proto[i - 1];
    rows.sport[i] = rows.dport[i - 1];
    rows.dport[i] = rows.sport[i - 1];
  }
  return seconds;
}

export function isIcmp(proto) {
  return proto === 1 || proto === 58;
}

// The port of the side that serves: of answers that of the sender.
function servicePort(rows, i) {
  const { role, sport, dport } = rows;
  if (isIcmp(rows.proto[i]))
    return 0;
  if (role[i])
    return role[i] === ANSWER ? sport[i] : dport[i];
  return dport[i] && (dport[i] < 1024 || sport[i] >= 1024 || !sport[i]) ? dport[i] : sport[i];
}

// Columns of rows, in the order of encode.c: 'after' and 'role' are there for answers only.
function readRows(reader, rows, seconds) {
  const after = reader.numbers();
  const plain = ['duration', 'bytes', 'packets', 'flags', 'traits', 'name', 'flows'];
  const columns = plain.map(() => reader.numbers());
  const role = reader.numbers();
  plain.forEach((name, k) => {
    const next = columns[k];
    const values = rows[name];
    for (let i = 0; i < rows.count; i++)
      values[i] = next();
  });
  for (let i = 0; i < rows.count; i++) {
    if (seconds[i]) {
      rows.start[i] += after();
      rows.role[i] = role();
    }
    rows.service[i] = rows.proto[i] << 16 | servicePort(rows, i);
  }
}

function readTraits(list, texts) {
  return list.map(([known, domain, ingress, egress, exporter, app, vlan, cvlan, tos, reason, version, has, kind]) =>
    ({ known, domain, ingress, egress, exporter: texts[exporter], app: texts[app], vlan, cvlan, tos, reason,
      version, has }));
}

// Where no record named a protocol there is a 0, which is that of hop-by-hop options.
function nameUnknown(rows, traits) {
  for (let i = 0; i < rows.count; i++) {
    if (traits[rows.traits[i]][0] & KNOWN_PROTOCOL)
      continue;
    rows.proto[i] = UNKNOWN_PROTOCOL;
    rows.service[i] = UNKNOWN_PROTOCOL << 16 | (rows.service[i] & 0xffff);
  }
}

// Who talks to whom, and about what, as numbers.
function numberPairs(rows) {
  const pairs = new PairNumbers(2 * rows.count);
  const talks = new PairNumbers(rows.count);
  for (let i = 0; i < rows.count; i++) {
    rows.pair[i] = pairs.of(rows.src[i], rows.dst[i]);
    rows.link[i] = rows.role[i] === ANSWER ? pairs.of(rows.dst[i], rows.src[i]) : rows.pair[i];
    rows.talk[i] = talks.of(rows.link[i], rows.service[i]);
  }
  return { pairs, talks };
}

// The data of the page: { about, hosts, nowhere, pairs, talks, traits, texts, rows }.
export function decode(bytes) {
  const reader = new Reader(bytes);
  const about = JSON.parse(new TextDecoder().decode(reader.column()));
  const rows = emptyRows(about.rows);
  const seconds = readUnits(reader, rows, about.start);
  readRows(reader, rows, seconds);
  nameUnknown(rows, about.traits);
  const hosts = readHosts(reader, about.hosts);
  const traits = readTraits(about.traits, about.texts);
  const nowhere = hosts.findIndex(host => !host.version); // what records name that have no address
  return { about, hosts, nowhere, ...numberPairs(rows), traits, texts: about.texts, rows };
}

// "tcp/443" of a service number.
export function serviceName(service) {
  const proto = service >> 16;
  const port = service & 0xffff;
  return port ? `${protocolName(proto)}/${port}` : protocolName(proto);
}
