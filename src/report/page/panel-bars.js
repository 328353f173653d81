// SPDX-License-Identifier: BSD-2-Clause
// Bars of protocols, of services (protocol and the server's port): a click chooses.
import { tip } from './dom.js';
import { MEASURES, protocolName, serviceLabel } from './format.js';
import { serviceName } from './data.js';
import { colours, largestText, Panel, shareText, tooltip } from './panel.js';
import { sumBy, top } from './store.js';

function bars(page, panel, { dimension, count, keyOf, nameOf, labelOf, pie }) {
  const toggle = name => page.toggle(dimension, name);
  let names = [];
  panel.ready = chart => chart.on('click', ({ dataIndex }) => toggle(names[dataIndex]));
  return { element: panel.element, update() {
    const c = colours();
    const { measure } = page.state;
    const { text, title } = MEASURES[measure];
    const chosen = new Set(page.state[dimension]);
    const { items, all } = top(sumBy(page.store, [dimension], keyOf), measure, count);
    names = items.map(item => nameOf(item.key));
    const total = page.store.totals([dimension])[measure];
    const data = items.map((item, k) => ({ name: labelOf(names[k]), value: item[measure],
      itemStyle: { color: pie || chosen.has(names[k]) ? undefined : c.accent,
        opacity: chosen.size && !chosen.has(names[k]) ? 0.35 : 1 } }));
    const box = tooltip(c, ({ name, value, dataIndex }) => tip(name, `${title}: ${text(value)}`,
      `${shareText(value, total)} of all`, chosen.has(names[dataIndex]) ? 'chosen' : ''));
    const option = pie
      ? { series: [{ type: 'pie', radius: ['45%', '75%'], data, minShowLabelAngle: 4, label: { color: c.text,
        formatter: ({ name, value }) => `${name}\n${shareText(value, total)}` } }],
      media: [{ query: { maxWidth: 420 }, option: { series: [{ radius: ['30%', '52%'], labelLine: { length: 6, length2: 4 } }] } }] }
      : { grid: { left: 130, right: 60, top: 5, bottom: 25 },
        xAxis: { type: 'value', axisLabel: { color: c.faint, formatter: text, hideOverlap: true },
          splitLine: { lineStyle: { color: c.line } } },
        yAxis: { type: 'category', inverse: true, data: data.map(item => item.name),
          axisLabel: { color: c.text }, axisTick: { show: false }, axisLine: { lineStyle: { color: c.line } } },
        series: [{ type: 'bar', barMaxWidth: 22, data, label: { show: true, position: 'right', color: c.faint,
          formatter: ({ value }) => text(value) } }] };
    panel.draw(() => ({ color: c.series, tooltip: box, ...option }),
      `${title} by ${dimension === 'proto' ? 'protocol' : 'service'}: ` +
      largestText(items, (item, k) => `${labelOf(names[k])} ${text(item[measure])} (${shareText(item[measure], total)})`));
    panel.list(panel.element.querySelector('h2').textContent, items.map((sum, k) => ({ label: labelOf(names[k]), sum,
      chosen: chosen.has(names[k]), choose: () => toggle(names[k]) })), all, dimension);
  } };
}

export function protocolPanel(page) {
  const { rows } = page.data;
  const panel = new Panel(page, { id: 'protocols', title: 'Protocols', height: 260,
    help: 'The share of each IP protocol. A click chooses a protocol, a second click ends the choice.' });
  return bars(page, panel, { dimension: 'proto', count: 12, pie: true, keyOf: i => rows.proto[i],
    nameOf: String, labelOf: name => protocolName(Number(name)) });
}

export function servicePanel(page) {
  const { rows } = page.data;
  const panel = new Panel(page, { id: 'services', title: 'Services', height: 320,
    help: 'Protocol and port of the side that serves: the side that was called, or has a port below 1024. ' +
      'Answers count for the service as well. Names are those usual for the port; other programs may use it.' });
  return bars(page, panel, { dimension: 'service', count: 15, keyOf: i => rows.service[i],
    nameOf: serviceName, labelOf: serviceLabel });
}
