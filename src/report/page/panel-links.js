// SPDX-License-Identifier: BSD-2-Clause
// Who talks to whom: a network of hosts, or a Sankey diagram from clients over services to servers.
import { serviceName } from './data.js';
import { h, tip } from './dom.js';
import { counted, MEASURES, serviceLabel } from './format.js';
import { colours, largestText, Panel, tooltip } from './panel.js';
import { largest, sumByNumber } from './store.js';

const MOST = 100;
const MOST_LATERAL = 40;
// Services by which somebody who is inside gets further: SSH, Telnet, MSRPC, NetBIOS, SMB, RDP, VNC, WinRM.
const LATERAL = new Set(['tcp/22', 'tcp/23', 'tcp/135', 'tcp/139', 'tcp/445', 'tcp/3389', 'tcp/5900', 'tcp/5985', 'tcp/5986']);

// Both ends of a link are hosts, or neither is.
function isLink({ pairs, nowhere }, link) {
  return (pairs.first[link] === nowhere) === (pairs.second[link] === nowhere);
}

// Answered remote access between hosts inside: Map from links to the names of its services.
function lateralLinks({ store, data: { rows, hosts, pairs } }) {
  const lateral = new Map();
  store.each(['pair'], i => {
    const link = rows.link[i];
    if (!rows.role[i] || !hosts[pairs.first[link]].local || !hosts[pairs.second[link]].local)
      return;
    const name = serviceName(rows.service[i]);
    if (LATERAL.has(name))
      lateral.set(link, (lateral.get(link) ?? new Set()).add(name));
  });
  return lateral;
}

// Links from client to server: { key, bytes, packets, flows, client, server, lateral }.
function linksOf(page) {
  const { rows, pairs } = page.data;
  const { bytes, packets, flows } = sumByNumber(page.store, ['pair'], rows.link, pairs.count);
  const lateral = lateralLinks(page);
  const sumOf = key => ({ key, bytes: bytes[key], packets: packets[key], flows: flows[key] });
  const found = [];
  for (let link = 0; link < pairs.count; link++)
    if (flows[link] && isLink(page.data, link))
      found.push(sumOf(link));
  const { items, all } = largest(found, page.state.measure, MOST);
  const shown = new Set(items.map(item => item.key));
  const further = [...lateral.keys()].filter(key => !shown.has(key)).slice(0, MOST_LATERAL).map(sumOf);
  const links = [...items, ...further].map(sum => ({ ...sum, client: pairs.first[sum.key], server: pairs.second[sum.key],
    lateral: lateral.get(sum.key) }));
  return { links, all };
}

function networkSeries(page, links, c) {
  const { hosts } = page.data;
  const { measure } = page.state;
  const weights = new Map();
  for (const link of links)
    for (const host of [link.client, link.server])
      weights.set(host, (weights.get(host) ?? 0) + link[measure]);
  const most = Math.log1p(Math.max(1, ...links.map(link => link[measure])));
  const named = new Set([...weights].sort((a, b) => b[1] - a[1]).slice(0, 25).map(([host]) => host));
  for (const link of links.filter(found => found.lateral))
    named.add(link.client).add(link.server);
  const room = Math.min(3, Math.max(1, Math.sqrt(150 / weights.size))); // few hosts may lie further apart
  return { type: 'graph', layout: 'force', roam: true,
    force: { layoutAnimation: false, repulsion: 55 * room, edgeLength: [18 * room, 70 * room], gravity: 0.3 },
    edgeSymbol: ['none', 'arrow'], edgeSymbolSize: 6, labelLayout: { hideOverlap: true },
    data: [...weights].map(([host, weight]) => ({ id: String(host), name: hosts[host].name, host,
      symbolSize: 6 + 1.4 * Math.log2(1 + weight / (measure === 'bytes' ? 1000 : 1)),
      itemStyle: { color: hosts[host].local ? c.local : c.remote },
      label: { show: named.has(host), position: 'right', color: c.text, fontSize: 10 } })),
    links: links.map(link => ({ source: String(link.client), target: String(link.server), link,
      lineStyle: { width: 0.6 + 4 * Math.log1p(link[measure]) / most, curveness: 0.12, opacity: link.lateral ? 0.95 : 0.4,
        color: link.lateral ? c.warn : hosts[link.client].local && hosts[link.server].local ? c.local : c.faint } })) };
}

function sankeySeries(page, c) {
  const { rows, hosts, pairs, talks } = page.data;
  const { measure } = page.state;
  const sums = sumByNumber(page.store, ['pair'], rows.talk, talks.count);
  const found = [];
  for (let key = 0; key < talks.count; key++)
    if (sums.flows[key] && isLink(page.data, talks.first[key]))
      found.push({ key, bytes: sums.bytes[key], packets: sums.packets[key], flows: sums.flows[key] });
  const nodes = new Map();
  const links = new Map();
  const node = (side, key, label, color) => {
    const id = `${side} ${key}`;
    nodes.set(id, { name: id, label: { formatter: label }, itemStyle: { color } });
    return id;
  };
  const add = (source, target, value, link) => {
    const key = `${source}>${target}`;
    const found = links.get(key) ?? links.set(key, { source, target, value: 0, link }).get(key);
    found.value += value;
  };
  for (const sum of largest(found, measure, 40).items) {
    const service = talks.second[sum.key];
    const [client, server] = [pairs.first[talks.first[sum.key]], pairs.second[talks.first[sum.key]]];
    const middle = node('service', service, serviceLabel(serviceName(service)), c.faint);
    const link = { client, server };
    add(node('client', client, hosts[client].name, hosts[client].local ? c.local : c.remote), middle, sum[measure] || 1, null);
    add(middle, node('server', server, hosts[server].name, hosts[server].local ? c.local : c.remote), sum[measure] || 1, link);
  }
  return { type: 'sankey', data: [...nodes.values()], links: [...links.values()], left: 10, right: 150, nodeGap: 6,
    label: { color: c.text, fontSize: 10 }, lineStyle: { color: c.faint, opacity: 0.25 }, emphasis: { focus: 'adjacency' } };
}

export function linksPanel(page) {
  const panel = new Panel(page, { id: 'links', title: 'Who talks to whom', wide: true, height: 520,
    help: 'An arrow goes from the host that asks to the host that serves; wide arrows carry much. Blue hosts are inside, ' +
      'others outside. Red arrows are answered remote access between hosts inside (SSH, SMB, RDP, WinRM, VNC ...): the ' +
      'ways of administrators, and of intruders who move on. The diagram of services goes from clients on the left over ' +
      'services to servers. A click on an arrow chooses the pair, on a host the host. The wheel zooms.' });
  const { hosts } = page.data;
  const form = h('select', { 'aria-label': 'Form of the chart', onchange: () => page.change({ links: form.value }) },
    h('option', { value: 'network' }, 'Network'), h('option', { value: 'services' }, 'Services'));
  panel.tools.append(form);
  const pairName = link => `${hosts[link.client].name}>${hosts[link.server].name}`;
  panel.ready = chart => chart.on('click', ({ data }) => {
    if (data?.link)
      page.toggle('pair', pairName(data.link));
    else if (data?.host !== undefined)
      page.toggle('host', hosts[data.host].name);
  });
  return { element: panel.element, update() {
    const c = colours();
    const { text, title } = MEASURES[page.state.measure];
    const { links, all } = linksOf(page);
    const sankey = page.state.links === 'services';
    const measure = page.state.measure;
    form.value = sankey ? 'services' : 'network';
    const describe = ({ data, dataType, name, value }) => {
      if (data.link && !sankey)
        return tip(`${hosts[data.link.client].name} → ${hosts[data.link.server].name}`, `${title}: ${text(data.link[measure])}`,
          data.link.lateral ? `Remote access: ${[...data.link.lateral].map(serviceLabel).join(', ')}` : '');
      return tip(dataType === 'edge' ? title : data.label?.formatter ?? name, value === undefined ? '' : text(value));
    };
    panel.draw(() => ({ tooltip: tooltip(c, describe), series: [sankey ? sankeySeries(page, c) : networkSeries(page, links, c)] }),
      `${counted(links.length, 'link')} between hosts, ${links.filter(link => link.lateral).length} of them remote access inside. Largest: ` +
      largestText(links, link => `${hosts[link.client].name} to ${hosts[link.server].name} ${text(link[measure])}`));
    panel.list('Pairs of client and server', links.slice(0, 30).map(link => ({
      label: `${hosts[link.client].name} → ${hosts[link.server].name}${link.lateral ? ' (remote access)' : ''}`, sum: link,
      chosen: page.state.pair.includes(pairName(link)), choose: () => page.toggle('pair', pairName(link)) })), all, 'pair');
  } };
}
