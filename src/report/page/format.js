// SPDX-License-Identifier: BSD-2-Clause
// Numbers, times and names for people.

const PROTOCOLS = {
  0: 'hopopt', 1: 'icmp', 2: 'igmp', 4: 'ipip', 6: 'tcp', 8: 'egp', 9: 'igp', 17: 'udp', 27: 'rdp', 33: 'dccp',
  41: 'ip6ip', 46: 'rsvp', 47: 'gre', 50: 'esp', 51: 'ah', 58: 'icmp6', 88: 'eigrp', 89: 'ospf', 94: 'ipencap',
  97: 'etherip', 103: 'pim', 108: 'ipcomp', 112: 'vrrp', 115: 'l2tp', 124: 'isis', 132: 'sctp', 136: 'udplite',
  137: 'mplsinip',
};

// Of records that name none.
export const UNKNOWN_PROTOCOL = 256;

export const PROTOCOL_NUMBERS = new Map(Object.entries(PROTOCOLS).map(([number, name]) => [name, Number(number)]));

export function protocolName(number) {
  return PROTOCOLS[number] ?? (number === UNKNOWN_PROTOCOL ? 'unknown' : `protocol ${number}`);
}

const SERVICES = {
  'tcp/20': 'ftp-data', 'tcp/21': 'ftp', 'tcp/22': 'ssh', 'tcp/23': 'telnet', 'tcp/25': 'smtp', 'tcp/53': 'dns',
  'udp/53': 'dns', 'udp/67': 'dhcp', 'udp/68': 'dhcp', 'udp/69': 'tftp', 'tcp/80': 'http', 'tcp/88': 'kerberos',
  'tcp/110': 'pop3', 'udp/123': 'ntp', 'tcp/135': 'msrpc', 'udp/137': 'netbios', 'tcp/139': 'netbios',
  'tcp/143': 'imap', 'udp/161': 'snmp', 'tcp/179': 'bgp', 'tcp/389': 'ldap', 'tcp/443': 'https', 'udp/443': 'quic',
  'tcp/445': 'smb', 'udp/500': 'ike', 'udp/514': 'syslog', 'tcp/587': 'submission', 'tcp/636': 'ldaps',
  'tcp/993': 'imaps', 'tcp/995': 'pop3s', 'tcp/1433': 'mssql', 'udp/1194': 'openvpn', 'udp/1900': 'ssdp',
  'tcp/3306': 'mysql', 'tcp/3389': 'rdp', 'udp/4500': 'ipsec', 'udp/4739': 'ipfix', 'udp/5060': 'sip',
  'udp/5353': 'mdns', 'udp/5355': 'llmnr', 'tcp/5432': 'postgres', 'tcp/5900': 'vnc', 'tcp/5985': 'winrm',
  'udp/51820': 'wireguard',
};

export function serviceLabel(name) {
  return SERVICES[name] ? `${name} ${SERVICES[name]}` : name;
}

function scaled(number, units, base) {
  let value = number;
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  if (unit === 0)
    return `${value}${units[0] && ` ${units[0]}`}`;
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

// "1.23 MB", powers of 1000 as elsewhere in spanflow
export function bytesText(number) {
  return scaled(number, ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB'], 1000);
}

export function countText(number) {
  return scaled(number, ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z'], 1000);
}

// "1 host", "1,000 ports".
export function counted(number, noun) {
  return `${exactText(number)} ${noun}${number === 1 ? '' : 's'}`;
}

const EXACT = new Intl.NumberFormat('en'); // toLocaleString() would make one for each number

export function exactText(number) {
  return EXACT.format(number);
}

export const MEASURES = {
  bytes: { title: 'Bytes', text: bytesText },
  packets: { title: 'Packets', text: countText },
  flows: { title: 'Flows', text: countText },
};

// "2025-11-20 08:00:04.500Z", as far as `precision` ms need
export function timeText(ms, precision = 1) {
  if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15)
    return 'no time';
  const text = new Date(ms).toISOString().replace('T', ' ');
  const cut = precision >= 86400000 ? 10 : precision >= 60000 ? 16 : precision >= 1000 ? 19 : 23;
  return cut === 10 ? text.slice(0, 10) : `${text.slice(0, cut)}Z`;
}

export function durationText(ms) {
  const units = [[86400000, 'd'], [3600000, 'h'], [60000, 'min'], [1000, 's']];
  for (const [size, unit] of units)
    if (ms >= size)
      return `${(ms / size).toFixed(ms >= 10 * size ? 0 : 1)} ${unit}`;
  return `${ms} ms`;
}

// Names come from the network: characters that control a terminal or turn the direction of text are shown.
export function clean(text) {
  return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    c => `\\u${c.codePointAt(0).toString(16).padStart(4, '0')}`);
}

export function flagsText(flags) {
  return [...'FSRPAUEC'].filter((_, bit) => flags >> bit & 1).join('') || '-';
}
