// SPDX-License-Identifier: BSD-2-Clause
// The words of an expression, and values as people write them: src/ask/lex.c and value.c in JavaScript.
import { PROTOCOL_NUMBERS } from './format.js';

export class Mistake extends Error {
  // `token`: the word that is wrong; `text`: the expression.
  constructor(message, token, text) {
    const width = Math.max(1, token.end - token.start);
    super(`${message}\n  ${text}\n  ${' '.repeat(token.start)}^${'~'.repeat(width - 1)}`);
  }
}

const WORD = /[\w.:/@+\-*%\u0080-\uffff]+/y;
const OPERATOR = /==|!=|<=|>=|!~|&&|\|\||[=<>~!]/y;

// The token at a place: { kind, text, start, end }.
export function readToken(text, place) {
  let start = place;
  while (start < text.length && /[ \t\n\v\f\r]/.test(text[start]))
    start++;
  const token = (kind, end, words = text.slice(start, end)) => ({ kind, text: words, start, end });
  const first = text[start];
  if (first === undefined)
    return token('end', start);
  if (first === '"' || first === "'") {
    const end = text.indexOf(first, start + 1);
    return end < 0 ? token('bad', text.length, text.slice(start + 1)) : token('string', end + 1, text.slice(start + 1, end));
  }
  for (const [kind, pattern] of [['word', WORD], ['operator', OPERATOR]]) {
    pattern.lastIndex = start;
    const found = pattern.exec(text);
    if (found)
      return token(kind, start + found[0].length);
  }
  return token('()[]{},'.includes(first) ? 'mark' : 'bad', start + 1);
}

export function tokenIs(token, word) {
  return token.kind !== 'string' && token.kind !== 'end' && token.text.toLowerCase() === word.toLowerCase();
}

// ---- numbers, as BigInt; null: not of that form

const COUNTS = { '': 1n, k: 1000n, K: 1000n, m: 1000000n, M: 1000000n, g: 10n ** 9n, G: 10n ** 9n, t: 10n ** 12n,
  T: 10n ** 12n, kB: 1000n, MB: 1000000n, GB: 10n ** 9n, KiB: 1n << 10n, MiB: 1n << 20n, GiB: 1n << 30n };
const SECOND = 10n ** 9n;
const TIMES = { '': SECOND, ms: 1000000n, s: SECOND, m: 60n * SECOND, h: 3600n * SECOND, d: 86400n * SECOND };
export const MAX = (1n << 64n) - 1n;

function scaled(text, units) {
  const found = /^(\d+)(?:\.(\d{1,9}))?([A-Za-z]*)$/.exec(text);
  if (!found || !Object.hasOwn(units, found[3]))
    return null;
  const [, whole, fraction = '', unit] = found;
  const scale = 10n ** BigInt(fraction.length);
  const part = BigInt(fraction || 0) * units[unit];
  const total = BigInt(whole) * units[unit] + part / scale;
  return part % scale || total > MAX ? null : total;
}

export function parseNumber(text) {
  return /^0[xX][0-9a-fA-F]{1,16}$/.test(text) ? BigInt(text) : scaled(text, COUNTS);
}

export function parseDuration(text) {
  return scaled(text, TIMES);
}

const PORTS = new Map(Object.entries({ 'ftp-data': 20, ftp: 21, ssh: 22, telnet: 23, smtp: 25, dns: 53, domain: 53,
  dhcp: 67, bootps: 67, bootpc: 68, tftp: 69, http: 80, kerberos: 88, pop3: 110, ntp: 123, 'netbios-ns': 137,
  'netbios-ssn': 139, imap: 143, snmp: 161, snmptrap: 162, bgp: 179, ldap: 389, https: 443, smb: 445, isakmp: 500,
  syslog: 514, submission: 587, ldaps: 636, imaps: 993, pop3s: 995, openvpn: 1194, mssql: 1433, mysql: 3306,
  rdp: 3389, sip: 5060, mdns: 5353, postgres: 5432, vxlan: 4789, wireguard: 51820 }));

function atMost(number, most) {
  return number !== null && number <= most ? number : null;
}

export function parsePort(text) {
  const named = PORTS.get(text.toLowerCase());
  return named === undefined ? atMost(parseNumber(text), 65535n) : BigInt(named);
}

const FURTHER = new Map(Object.entries({ 'ipv6-icmp': 58, icmpv6: 58, 'ip-in-ip': 4, '6in4': 41, 'ipsec-esp': 50,
  'ipsec-ah': 51, carp: 112 }));

export function protocolNumber(text) {
  const name = text.toLowerCase();
  return PROTOCOL_NUMBERS.get(name) ?? FURTHER.get(name);
}

export function parseProtocol(text) {
  const named = protocolNumber(text);
  return named === undefined ? atMost(parseNumber(text), 255n) : BigInt(named);
}

function flagBits(text) {
  if (/^\d/.test(text))
    return atMost(parseNumber(text), 0xfffn);
  let bits = 0n;
  for (const letter of text.toUpperCase()) {
    const bit = 'FSRPAUEC'.indexOf(letter);
    if (bit < 0)
      return null;
    bits |= 1n << BigInt(bit);
  }
  return text ? bits : null;
}

// "S/SA": { bits, mask }
export function parseFlags(text) {
  const slash = text.indexOf('/');
  const bits = slash === 0 ? 0n : flagBits(slash < 0 ? text : text.slice(0, slash));
  if (bits === null)
    return null;
  const mask = slash < 0 ? bits || 0xfffn : flagBits(text.slice(slash + 1));
  return mask === null || bits & ~mask ? null : { bits, mask };
}

// ---- addresses: { bytes, bits }

function ipv4Bytes(text) {
  const parts = text.split('.');
  return parts.length === 4 && parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && part <= 255) ? parts.map(Number) : null;
}

function ipv6Bytes(text) {
  const tail = /^(.*:)([\d.]+\.[\d.]+)$/.exec(text);
  const last = tail && ipv4Bytes(tail[2]);
  if (tail && !last)
    return null;
  const plain = tail ? `${tail[1]}${(last[0] << 8 | last[1]).toString(16)}:${(last[2] << 8 | last[3]).toString(16)}` : text;
  const halves = plain.split('::');
  if (halves.length > 2 || !/^[0-9a-fA-F:]+$/.test(plain))
    return null;
  const groups = half => (half ? half.split(':') : []);
  const [front, back] = [groups(halves[0]), groups(halves[1] ?? '')];
  const missing = 8 - front.length - back.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0)
    return null;
  const all = [...front, ...Array(Math.max(0, missing)).fill('0'), ...back];
  if (!all.every(group => /^[0-9a-fA-F]{1,4}$/.test(group)))
    return null;
  return all.flatMap(group => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]);
}

// "192.0.2.1", "192.0.2.0/24", "10.1" (a short network), "2001:db8::/32"; null: none of these.
export function parseNet(text) {
  if (text.length >= 128)
    return null;
  const slash = text.indexOf('/');
  const address = slash < 0 ? text : text.slice(0, slash);
  const given = slash < 0 ? null : text.slice(slash + 1);
  if (given !== null && (!/^\d{1,5}$/.test(given) || given > 128))
    return null;
  let bytes = ipv4Bytes(address) ?? ipv6Bytes(address);
  let bits = bytes && 8 * bytes.length;
  if (!bytes) {
    const parts = address.split('.');
    if (parts.length > 4 || !parts.every(part => /^\d{1,5}$/.test(part) && part <= 255))
      return null;
    bytes = [...parts.map(Number), 0, 0, 0].slice(0, 4);
    bits = 8 * parts.length;
  }
  if (given === null)
    return { bytes, bits };
  return given > 8 * bytes.length ? null : { bytes, bits: Number(given) };
}

// as sf_private_networks of src/base/local.c
export const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16',
  '127.0.0.0/8', 'fc00::/7', 'fe80::/10', '::1/128'].map(parseNet);

// `bits`: of the network that the bytes are of; left out: they are a host's. All of it has to be in `net`.
export function inNet(bytes, net, bits = bytes.length * 8) {
  if (bytes.length !== net.bytes.length || bits < net.bits)
    return false;
  const whole = net.bits >> 3;
  for (let i = 0; i < whole; i++)
    if (bytes[i] !== net.bytes[i])
      return false;
  return !(net.bits & 7) || ((bytes[whole] ^ net.bytes[whole]) & 0xff00 >> (net.bits & 7) & 0xff) === 0;
}

// ---- times, in ns since 1970: { first, last }

const DATE = /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?)?(Z|z|[+-]\d\d(?::?\d\d)?)?$/;

function nanoseconds(fraction) {
  return fraction ? BigInt(fraction.slice(1).padEnd(9, '0')) : 0n;
}

function zoneSeconds(zone) {
  if (!zone || zone.toUpperCase() === 'Z')
    return 0;
  const digits = zone.slice(1).replace(':', '');
  return (zone[0] === '-' ? -1 : 1) * (Number(digits.slice(0, 2)) * 3600 + Number(digits.slice(2) || 0) * 60);
}

function parseDate(text) {
  const epoch = /^@(\d+)(\.\d{1,9})?$/.exec(text);
  if (epoch)
    return BigInt(epoch[1]) * SECOND + nanoseconds(epoch[2]);
  const found = DATE.exec(text);
  if (!found)
    return null;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction, zone] = found;
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day));
  if (year < 1970 || month < 1 || new Date(ms).getUTCDate() !== Number(day) || new Date(ms).getUTCMonth() !== month - 1 ||
    hour > 23 || minute > 59 || second > 60)
    return null;
  const seconds = ms / 1000 + Number(hour) * 3600 + Number(minute) * 60 + Number(second) - zoneSeconds(zone);
  return seconds < 0 ? null : BigInt(seconds) * SECOND + nanoseconds(fraction);
}

// How long what a date names lasts.
function granularity(text) {
  if (text[0] === '@')
    return text.includes('.') ? 1n : SECOND;
  const clock = /[Tt ](.*)$/.exec(text)?.[1];
  if (clock === undefined)
    return 86400n * SECOND;
  if (clock.includes('.'))
    return 1n;
  return clock.replace(/[+\-Zz].*$/, '').split(':').length > 2 ? SECOND : 60n * SECOND;
}

const DAYS = { today: 0n, yesterday: -1n, tomorrow: 1n };

// `now`: ns
export function parseTime(text, now) {
  const word = text.toLowerCase();
  if (word === 'now')
    return { first: now, last: now };
  if (Object.hasOwn(DAYS, word)) {
    const day = 86400n * SECOND;
    const first = (now / day + DAYS[word]) * day;
    return { first, last: first + day - 1n };
  }
  const first = parseDate(text);
  return first === null ? null : { first, last: first + granularity(text) - 1n };
}

// "-2h"; null: not of that form
export function parseOffset(text) {
  if (!/^[+-]./.test(text))
    return null;
  const amount = parseDuration(text.slice(1));
  return amount === null ? null : text[0] === '-' ? -amount : amount;
}
