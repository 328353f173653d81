// SPDX-License-Identifier: BSD-2-Clause
// A tree map: inside and outside, networks, hosts. A label is there whole or not at all.
import { tip } from './dom.js';
import { counted, MEASURES } from './format.js';
import { networkOf, topHosts } from './hosts.js';
import { colours, largestText, Panel, shareText, textWidth, tooltip } from './panel.js';

const MOST = 300;
const HEIGHT = 440; // px
const SIZE = 11; // px of a label's letters
const LINE = 14;
const PADDING = 2;
const EDGE = 1; // of an area, at most
const NETWORK_AREA = 9000; // px²: a network with less has no heading

function sideOf(host) {
  if (!host.bits)
    return 'inside or outside';
  return host.local ? 'inside' : host.country ? `outside, ${host.country}` : 'outside';
}

// Hosts in their networks; a host that is alone in its network stands for it.
function treeOf(page, items, measure, area, c) {
  const { hosts } = page.data;
  const chosen = new Set(page.state.host);
  const sum = items.reduce((all, item) => all + item[measure], 0) || 1;
  const sides = new Map();
  for (const item of items) {
    const host = hosts[item.key];
    const side = sideOf(host);
    const networks = sides.get(side) ?? sides.set(side, new Map()).get(side);
    const name = networkOf(host);
    const list = networks.get(name) ?? networks.set(name, []).get(name);
    list.push({ name: host.name, value: item[measure], host: item.key, network: name,
      itemStyle: { color: host.local ? c.local : c.remote,
        opacity: chosen.size && !chosen.has(host.name) ? 0.35 : 1 } });
  }
  const network = ([name, children]) => {
    if (children.length === 1)
      return children[0];
    const value = children.reduce((all, child) => all + child.value, 0);
    return { name, children, upperLabel: { show: area * value / sum >= NETWORK_AREA } };
  };
  return [...sides].map(([name, networks]) => ({ name, children: [...networks].map(network) }));
}

// An address in so many lines, cut behind dots or colons. Null: it has too few.
function inLines(name, count) {
  const groups = name.split(/(?<=[:.])(?![:.])/);
  if (groups.length < count)
    return null;
  const lines = Array.from({ length: count }, () => '');
  groups.forEach((group, k) => { lines[Math.floor(k * count / groups.length)] += group; });
  return lines;
}

function fitsWidth(text, width) {
  return textWidth(text, SIZE) <= width - 2 * (PADDING + EDGE);
}

// Label of a host: name and share, or the name alone, in as few lines as fit; or nothing.
function hostLabel(name, share, { width, height }) {
  const fits = lines => lines.length * LINE <= height - 2 * (PADDING + EDGE) && lines.every(line => fitsWidth(line, width));
  const [one, two, four] = [1, 2, 4].map(count => inLines(name, count));
  const forms = [[one, two], [four]].flatMap(some => [...some.map(lines => lines && [...lines, share]), ...some]);
  return forms.find(lines => lines && fits(lines))?.join('\n') ?? '';
}

// The first of the texts that fits into the heading of an area, or ''.
function headingLabel(texts, { width }) {
  return texts.find(text => fitsWidth(text, width)) ?? '';
}

export function treePanel(page) {
  const panel = new Panel(page, { id: 'tree', title: 'Shares of hosts', height: HEIGHT,
    help: 'Each area is a host, as large as its part of the bytes, packets or flows (sent and received). Hosts lie ' +
      'in their network (/24, /48), networks inside or outside. The share is that of all flows, so those of two hosts ' +
      'that talk to each other have the same flows in them. Areas too small for a name have none: the mouse tells it, ' +
      'and the table. A click chooses a host.' });
  const { hosts } = page.data;
  panel.ready = chart => chart.on('click', ({ data }) => {
    if (data?.host !== undefined)
      page.toggle('host', hosts[data.host].name);
  });
  // ECharts tells a formatter no size: it is in the layout of the series.
  const roomOf = index => panel.chart.getModel().getSeriesByIndex(0).getData().getItemLayout(index) ?? { width: 0, height: 0 };
  return { element: panel.element, update() {
    const c = colours();
    const { measure } = page.state;
    const { text, title } = MEASURES[measure];
    const { items, all } = topHosts(page.hostSums(), measure, MOST);
    const total = page.store.totals(['host'])[measure];
    const edge = { borderColor: c.panel, gapWidth: 1 };
    const heading = { show: true, color: c.text, fontSize: SIZE, padding: [0, PADDING], overflow: 'none',
      formatter: ({ name, dataIndex }) => headingLabel([name, name.replace('outside, ', '')], roomOf(dataIndex)) };
    panel.draw(() => ({
      tooltip: tooltip(c, ({ name, value, data }) => tip(name || 'all', `${title}: ${text(value)}`,
        data?.network ? `${shareText(value, total)} of all flows; ${sideOf(hosts[data.host])}, ${data.network}` : '')),
      series: [{ type: 'treemap', data: treeOf(page, items, measure, panel.width() * HEIGHT, c), roam: false, nodeClick: false,
        breadcrumb: { show: false }, left: 0, right: 0, top: 0, bottom: 0,
        label: { color: c.panel, fontSize: SIZE, lineHeight: LINE, padding: PADDING, overflow: 'none',
          formatter: ({ name, value, dataIndex }) => hostLabel(name, shareText(value, total), roomOf(dataIndex)) },
        upperLabel: { ...heading, show: false }, emphasis: { upperLabel: { ...heading } },
        levels: [{ itemStyle: { ...edge, borderWidth: 0, gapWidth: 3 } },
          { upperLabel: { ...heading, height: 20 }, itemStyle: { ...edge, borderWidth: 2, borderColor: c.line } },
          { upperLabel: { height: 16 }, itemStyle: { ...edge, borderWidth: 1, borderColor: c.line } }, { itemStyle: edge }] }],
    }), `${title} of ${counted(items.length, 'host')}; the largest are ` +
      largestText(items, item => `${hosts[item.key].name} ${text(item[measure])} (${shareText(item[measure], total)})`));
    panel.list('Shares of hosts', items.slice(0, 30).map(sum => ({ label: hosts[sum.key].name, sum,
      chosen: page.state.host.includes(hosts[sum.key].name), choose: () => page.toggle('host', hosts[sum.key].name) })), all, 'host');
  } };
}
