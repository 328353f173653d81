// SPDX-License-Identifier: BSD-2-Clause
// A time line of hosts: when each was active, and how much.
import { tip } from './dom.js';
import { counted, MEASURES, timeText } from './format.js';
import { topHosts } from './hosts.js';
import { colours, fitted, largestText, Panel, textWidth, tooltip } from './panel.js';
import { binsOf } from './panel-time.js';

const HOSTS = 30;
const BINS = 120;

// Cells [bin, line, value] of the hosts; flows that last count in all bins that they span, by their share.
function cellsOf(page, items, bins, measure) {
  const { rows, nowhere } = page.data;
  const line = new Map(items.map((item, k) => [item.key, k]));
  const cells = new Float64Array(items.length * bins.count);
  const add = (host, i) => {
    const k = line.get(host);
    if (k === undefined)
      return;
    const first = Math.max(0, Math.floor(rows.start[i] / bins.size) - bins.first);
    const last = Math.min(bins.count - 1, Math.floor((rows.start[i] + rows.duration[i]) / bins.size) - bins.first);
    for (let bin = first; bin <= last; bin++)
      cells[k * bins.count + bin] += rows[measure][i] / (last - first + 1);
  };
  page.store.each(['host'], i => {
    if (rows.src[i] !== nowhere || rows.dst[i] === nowhere)
      add(rows.src[i], i);
    if (rows.dst[i] !== rows.src[i] && rows.dst[i] !== nowhere)
      add(rows.dst[i], i);
  });
  const list = [];
  cells.forEach((value, k) => {
    if (value > 0)
      list.push([k % bins.count, Math.floor(k / bins.count), value]);
  });
  return list;
}

export function activityPanel(page) {
  const panel = new Panel(page, { id: 'activity', title: 'When hosts were active', wide: true, height: 460,
    help: 'A line for each of the hosts with most traffic, a cell for each span of time; strong colour is much, no ' +
      'colour is none. A flow counts in all spans that it lasts in. Regular patterns are machines, day and night are ' +
      'people, a column through all hosts is a scan or an outage. A click chooses the host.' });
  const { hosts } = page.data;
  let items = [];
  panel.ready = chart => chart.on('click', ({ value }) => value && page.toggle('host', hosts[items[value[1]].key].name));
  return { element: panel.element, update() {
    const c = colours();
    const { measure, time } = page.state;
    const { text, title } = MEASURES[measure];
    const bins = time ? binsOf(time[0], time[1] - 1, BINS) : binsOf(page.first, page.last, BINS);
    const label = k => timeText((bins.first + k) * bins.size, bins.size);
    const found = topHosts(page.hostSums(), measure, HOSTS);
    items = found.items;
    const names = items.map(item => hosts[item.key].name);
    const cells = cellsOf(page, items, bins, measure);
    const most = cells.reduce((a, cell) => Math.max(a, cell[2]), 1);
    panel.draw(() => {
      const width = Math.min(0.4 * panel.width(), Math.max(0, ...names.map(name => textWidth(name))) + 2);
      return {
        grid: { left: width + 10, right: 20, top: 10, bottom: 30 },
        tooltip: tooltip(c, ({ value, data }) => tip(hosts[items[value[1]].key].name, label(value[0]),
          `${title}: ${text(Math.round(data.amount))}`)),
        xAxis: { type: 'category', data: Array.from({ length: bins.count }, (_, k) => label(k)),
          axisLabel: { color: c.faint, hideOverlap: true }, axisLine: { lineStyle: { color: c.line } } },
        yAxis: { type: 'category', inverse: true, data: names,
          axisLabel: { color: c.text, interval: 0, formatter: name => fitted(name, width) }, axisTick: { show: false } },
        visualMap: { show: false, min: 0, max: Math.log1p(most), dimension: 2, inRange: { color: [`${c.accent}22`, c.accent] } },
        series: [{ type: 'heatmap', progressive: 0,
          data: cells.map(([bin, k, value]) => ({ value: [bin, k, Math.log1p(value)], amount: value })) }],
      };
    }, `${title} of ${counted(items.length, 'host')} in ${counted(bins.count, 'span')} of time from ${label(0)} to ` +
      `${label(bins.count - 1)}. ` +
      `Most at: ${largestText([...cells].sort((a, b) => b[2] - a[2]), ([bin, k, value]) =>
        `${label(bin)} ${hosts[items[k].key].name} ${text(Math.round(value))}`)}`);
    panel.list('Hosts by traffic', items.map(sum => ({ label: hosts[sum.key].name, sum,
      chosen: page.state.host.includes(hosts[sum.key].name), choose: () => page.toggle('host', hosts[sum.key].name) })),
    found.all, 'host');
  } };
}
