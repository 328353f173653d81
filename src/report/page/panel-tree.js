// SPDX-License-Identifier: BSD-2-Clause
// A tree map: inside and outside, networks, hosts.
import { tip } from './dom.js';
import { MEASURES } from './format.js';
import { hostSums, networkOf, topHosts } from './hosts.js';
import { colours, Panel, tooltip } from './panel.js';

const MOST = 300;

function treeOf(page, items, measure) {
  const { hosts } = page.data;
  const sides = new Map();
  for (const item of items) {
    const host = hosts[item.key];
    const side = host.local ? 'inside' : host.country ? `outside, ${host.country}` : 'outside';
    const networks = sides.get(side) ?? sides.set(side, new Map()).get(side);
    const name = networkOf(host);
    const list = networks.get(name) ?? networks.set(name, []).get(name);
    list.push({ name: host.name, value: item[measure], host: item.key });
  }
  return [...sides].map(([name, networks]) => ({ name, children: [...networks].map(([network, children]) =>
    ({ name: network, children })) }));
}

export function treePanel(page) {
  const panel = new Panel(page, { id: 'tree', title: 'Shares of hosts', height: 380,
    help: 'Each area is a host, as large as its part of the bytes, packets or flows (sent and received). Hosts lie ' +
      'in their network (/24, /48), networks inside or outside. A click chooses a host.' });
  const { hosts } = page.data;
  panel.ready = chart => chart.on('click', ({ data }) => {
    if (data?.host !== undefined)
      page.toggle('host', hosts[data.host].name);
  });
  return { element: panel.element, update() {
    const c = colours();
    const { measure } = page.state;
    const { text, title } = MEASURES[measure];
    const { items, all } = topHosts(hostSums(page.store, ['host']), measure, MOST);
    const edge = { borderColor: c.panel, gapWidth: 1 };
    panel.draw({
      color: c.series,
      tooltip: tooltip(c, ({ treePathInfo, value }) => tip(treePathInfo.at(-1).name || 'all', `${title}: ${text(value)}`,
        treePathInfo.slice(1, -1).map(part => part.name).join(', '))),
      series: [{ type: 'treemap', data: treeOf(page, items, measure), roam: false, nodeClick: false,
        breadcrumb: { show: false }, left: 0, right: 0, top: 0, bottom: 0, label: { overflow: 'truncate' },
        levels: [{ itemStyle: { ...edge, borderWidth: 0, gapWidth: 3 } },
          { upperLabel: { show: true, color: c.text, height: 20 }, itemStyle: { ...edge, borderWidth: 2, borderColor: c.line } },
          { itemStyle: { ...edge, borderWidth: 1 } }, { itemStyle: edge }] }],
    }, `${title} of ${items.length} hosts; the largest are ` +
      items.slice(0, 5).map(item => `${hosts[item.key].name} ${text(item[measure])}`).join(', '));
    panel.list('Shares of hosts', items.slice(0, 30).map(sum => ({ label: hosts[sum.key].name, sum,
      chosen: page.state.host.includes(hosts[sum.key].name), choose: () => page.toggle('host', hosts[sum.key].name) })), all, 'host');
  } };
}
