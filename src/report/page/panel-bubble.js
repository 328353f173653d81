// SPDX-License-Identifier: BSD-2-Clause
// Hosts by packets and bytes; what stands out is marked, and explained below.
import { h, replace, tip } from './dom.js';
import { findings, KINDS } from './findings.js';
import { bytesText, counted, countText, exactText } from './format.js';
import { topHosts } from './hosts.js';
import { colours, largestText, Panel, tooltip } from './panel.js';

const MOST = 1500; // hosts drawn
const MOST_CHOSEN = 100;

function seriesOf(page, items, found, c) {
  const { hosts } = page.data;
  const marked = new Map(found.map(finding => [finding.host, finding]));
  const chosen = new Set(page.state.host);
  const point = item => ({ value: [item.packets, item.bytes, item.flows, item.key],
    symbolSize: Math.min(42, 6 + 2.2 * Math.log2(1 + item.flows)),
    itemStyle: { opacity: chosen.size && !chosen.has(hosts[item.key].name) ? 0.15 : 0.65 } });
  const group = (name, colour, filter, symbol = 'circle') => ({ type: 'scatter', name, color: colour, symbol,
    data: items.filter(filter).map(point) });
  return [
    group('inside', c.local, item => !marked.has(item.key) && hosts[item.key].local),
    group('outside', c.remote, item => !marked.has(item.key) && !hosts[item.key].local),
    group('stands out', c.warn, item => marked.has(item.key), 'diamond'),
  ];
}

// The host at a place of the chart, or -1.
function hostAt(chart, items, x, y) {
  let best = -1;
  let least = 16;
  for (const item of items) {
    const [px, py] = chart.convertToPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [item.packets, item.bytes]);
    const distance = Math.hypot(px - x, py - y);
    if (distance < least) {
      least = distance;
      best = item.key;
    }
  }
  return best;
}

function listFindings(page, box, found) {
  const { hosts } = page.data;
  const line = ({ kind, host, peer, text }) => h('li', {}, `${KINDS[kind]}: `,
    h('button', { class: 'choice', onclick: () => page.change(peer === undefined ? { host: [hosts[host].name] }
      : { pair: [`${hosts[host].name}>${hosts[peer].name}`] }) }, hosts[host].name), ` ${text}.`);
  replace(box, h('h3', {}, 'What stands out'), found.length ? h('ul', { class: 'findings' }, found.map(line))
    : h('p', { class: 'note' }, 'Nothing among the chosen flows.'));
}

export function bubblePanel(page) {
  const panel = new Panel(page, { id: 'hosts', title: 'Hosts', wide: true, height: 420,
    help: 'Each bubble is a host: to the right those with many packets, above those with many bytes (both axes ' +
      'logarithmic), large those with many flows. Most hosts lie along one line; those above it send or receive large ' +
      'packets (downloads, uploads), those below it small ones. Marked hosts are explained below. False alarms: ' +
      'backups and uploads look like exfiltration; clocks, monitoring and updates call as regularly as malware; ' +
      'peer-to-peer programs look like scans; signed DNS answers are large. ' +
      'Drag over bubbles, or click on one, to choose hosts; a click on an empty place ends the choice.' });
  const { hosts } = page.data;
  const box = h('div', { id: 'findings' });
  panel.body.prepend(box);
  let items = [];

  panel.ready = chart => {
    chart.on('brushEnd', ({ areas }) => {
      const range = areas[0]?.coordRange;
      if (!range)
        return;
      const [[x0, x1], [y0, y1]] = range;
      const inside = items.filter(item => item.packets >= x0 && item.packets <= x1 && item.bytes >= y0 && item.bytes <= y1);
      if (inside.length)
        page.change({ host: inside.slice(0, MOST_CHOSEN).map(item => hosts[item.key].name) });
    });
    chart.getZr().on('click', ({ offsetX, offsetY }) => {
      const host = hostAt(chart, items, offsetX, offsetY);
      if (host >= 0)
        page.toggle('host', hosts[host].name);
      else if (page.state.host.length)
        page.change({ host: [] });
    });
  };
  panel.drawn = chart => chart.dispatchAction({ type: 'takeGlobalCursor', key: 'brush',
    brushOption: { brushType: 'rect', brushMode: 'single' } });

  return { element: panel.element, update() {
    const c = colours();
    const { items: shown, all } = topHosts(page.hostSums(), page.state.measure, MOST);
    items = shown.filter(item => item.packets > 0 && item.bytes > 0);
    const found = findings(page, items);
    const axis = (name, text) => ({ type: 'log', name, nameTextStyle: { color: c.faint },
      axisLabel: { color: c.faint, formatter: text }, splitLine: { lineStyle: { color: c.line } } });
    panel.draw(() => ({
      grid: { left: 75, right: 30, top: 45, bottom: 40 },
      legend: { top: 0, textStyle: { color: c.text } },
      tooltip: tooltip(c, ({ value }) => tip(hosts[value[3]].name, `${bytesText(value[1])}, ${countText(value[0])} packets, ` +
        `${exactText(value[2])} flows`, `${Math.round(value[1] / value[0])} bytes a packet`,
      ...found.filter(finding => finding.host === value[3]).map(finding => `${KINDS[finding.kind]}: ${finding.text}`))),
      brush: { xAxisIndex: 0, yAxisIndex: 0, brushStyle: { color: `${c.accent}22`, borderColor: c.accent },
        outOfBrush: { colorAlpha: 1 } },
      xAxis: axis('packets', countText),
      yAxis: axis('bytes', bytesText),
      series: seriesOf(page, items, found, c),
    }), `${counted(items.length, 'host')} by packets and bytes; ${counted(found.length, 'thing')} that ${found.length === 1 ? 'stands' : 'stand'} ` +
      `out, listed below. Largest: ${largestText(items, item => `${hosts[item.key].name} ${bytesText(item.bytes)} in ` +
        `${countText(item.packets)} packets`)}`);
    listFindings(page, box, found);
    panel.list('Hosts', items.slice(0, 30).map(sum => ({ label: hosts[sum.key].name, sum,
      chosen: page.state.host.includes(hosts[sum.key].name), choose: () => page.toggle('host', hosts[sum.key].name) })), all, 'host');
  } };
}
