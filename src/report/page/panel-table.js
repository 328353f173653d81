// SPDX-License-Identifier: BSD-2-Clause
// The flows themselves: sorted by any column, some at a time.
import { h, replace, scroller } from './dom.js';
import { durationText, exactText, flagsText, protocolName, timeText } from './format.js';
import { isIcmp } from './data.js';
import { Panel } from './panel.js';
import { sortPart } from './store.js';

const PER_PAGE = 50;

function columnsOf({ rows, hosts, texts, traits }) {
  // sums of several flows have none
  const port = values => i => (isIcmp(rows.proto[i]) || (!values[i] && rows.flows[i] !== 1) ? null : values[i]);
  const columns = [
    { id: 'start', title: 'Start', value: i => rows.start[i], text: i => timeText(rows.start[i]) },
    { id: 'duration', title: 'Duration', value: i => rows.duration[i], text: i => durationText(rows.duration[i]), number: true },
    { id: 'proto', title: 'Protocol', value: i => rows.proto[i], text: i => protocolName(rows.proto[i]) },
    { id: 'src', title: 'Source', value: i => hosts[rows.src[i]].name, host: i => rows.src[i] },
    { id: 'sport', title: 'Port', name: 'Source port', value: port(rows.sport), text: i => String(port(rows.sport)(i) ?? ''), number: true },
    { id: 'dst', title: 'Destination', value: i => hosts[rows.dst[i]].name, host: i => rows.dst[i] },
    { id: 'dport', title: 'Port', name: 'Destination port', value: port(rows.dport), text: i => String(port(rows.dport)(i) ?? ''), number: true },
    { id: 'flags', title: 'TCP flags', value: i => rows.flags[i], text: i => (rows.proto[i] === 6 ? flagsText(rows.flags[i]) : '') },
    { id: 'packets', title: 'Packets', value: i => rows.packets[i], text: i => exactText(rows.packets[i]), number: true },
    { id: 'bytes', title: 'Bytes', value: i => rows.bytes[i], text: i => exactText(rows.bytes[i]), number: true },
  ];
  if (rows.flows.some(count => count !== 1))
    columns.push({ id: 'flows', title: 'Flows', value: i => rows.flows[i], text: i => exactText(rows.flows[i]), number: true });
  if (rows.name.some(Boolean))
    columns.push({ id: 'name', title: 'Name', value: i => texts[rows.name[i]], text: i => texts[rows.name[i]] });
  if (traits.some(trait => trait.app))
    columns.push({ id: 'app', title: 'Application', value: i => traits[rows.traits[i]].app, text: i => traits[rows.traits[i]].app });
  return columns;
}

function comparison(column, down) {
  const { value } = column;
  const sign = down ? -1 : 1;
  return (a, b) => {
    const x = value(a);
    const y = value(b);
    return x < y ? -sign : x > y ? sign : a - b;
  };
}

export function tablePanel(page) {
  const panel = new Panel(page, { id: 'flows', title: 'Flows', wide: true, height: 0,
    help: 'Each line is one direction of a flow, or the sum of several flows, which the column Flows counts. A click on ' +
      'a heading sorts, a second click turns the order. A click on an address chooses the host.' });
  const columns = columnsOf(page.data);
  const { hosts } = page.data;
  const cell = (column, i) => h('td', { class: column.number ? 'number' : undefined }, column.host
    ? h('button', { class: 'choice', onclick: () => page.toggle('host', hosts[column.host(i)].name) },
      hosts[column.host(i)].name)
    : column.text(i));
  const heading = (column, id, down) => h('th', { scope: 'col', class: column.number ? 'number' : undefined,
    'aria-sort': column.id === id ? (down ? 'descending' : 'ascending') : undefined },
  h('button', { class: 'sort', 'aria-label': column.name, onclick: () => page.change({ page: 0,
    sort: column.id === id && down ? column.id : `-${column.id}` }) },
  column.title, h('span', { 'aria-hidden': 'true' }, column.id === id ? (down ? ' ▼' : ' ▲') : '')));
  const scroll = scroller('Table of flows');
  const turns = h('div', { class: 'turn', role: 'group', 'aria-label': 'Pages of the table of flows' });
  panel.body.append(scroll, turns);
  const turn = (title, target, last) => h('button', { disabled: target < 0 || target > last,
    onclick: () => page.change({ page: target }) }, title);

  return { element: panel.element, update() {
    const down = page.state.sort.startsWith('-');
    const id = page.state.sort.replace(/^-/, '');
    const column = columns.find(c => c.id === id) ?? columns.find(c => c.id === 'bytes');
    const numbers = page.store.numbers();
    const last = Math.max(0, Math.ceil(numbers.length / PER_PAGE) - 1);
    const at = Math.min(page.state.page, last);
    sortPart(numbers, comparison(column, down), at * PER_PAGE, (at + 1) * PER_PAGE);
    const shown = [...numbers.subarray(at * PER_PAGE, (at + 1) * PER_PAGE)];
    replace(scroll, h('table', { class: 'flows' }, h('caption', { class: 'hidden' }, 'Flows that meet all choices'),
      h('thead', {}, h('tr', {}, columns.map(c => heading(c, column.id, down)))),
      h('tbody', {}, shown.map(i => h('tr', {}, columns.map(c => cell(c, i)))))));
    replace(turns, turn('First', at ? 0 : -1, last), turn('Back', at - 1, last),
      ` ${exactText(numbers.length ? at * PER_PAGE + 1 : 0)} to ${exactText(at * PER_PAGE + shown.length)} of ` +
      `${exactText(numbers.length)} `, turn('Next', at + 1, last), turn('Last', at < last ? last : -1, last));
  } };
}
