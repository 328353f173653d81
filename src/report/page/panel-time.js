// SPDX-License-Identifier: BSD-2-Clause
// Bytes, packets or flows over time, by protocol. A flow counts in the bin in which it begins.
import { h, tip } from './dom.js';
import { counted, exactText, MEASURES, protocolName, timeText } from './format.js';
import { colours, Panel, tooltip } from './panel.js';

const BINS = [1, 10, 100, 1000, 2000, 5000, 10000, 30000, 60000, 120000, 300000, 600000, 1800000, 3600000,
  7200000, 21600000, 43200000, 86400000, 604800000, 2592000000, 31536000000];
const MOST_BINS = 180;

// Bins aligned to the clock: { size, first, count }.
export function binsOf(from, to, most = MOST_BINS) {
  const size = BINS.find(bin => (to - from) / bin < most - 1) ?? Math.ceil((to - from) / most);
  const first = Math.floor(from / size);
  return { size, first, count: Math.floor(to / size) - first + 1 };
}

function sumBins(page, bins) {
  const { rows } = page.data;
  const measure = rows[page.state.measure];
  const sums = new Map();
  page.store.each(['time'], i => {
    const proto = rows.proto[i];
    let column = sums.get(proto);
    if (!column)
      sums.set(proto, column = new Float64Array(bins.count));
    column[Math.floor(rows.start[i] / bins.size) - bins.first] += measure[i];
  });
  return sums;
}

// The largest protocols, and one column for the others.
function columnsOf(sums) {
  const all = [...sums].map(([proto, column]) => ({ name: protocolName(proto), column,
    sum: column.reduce((a, b) => a + b, 0) })).sort((a, b) => b.sum - a.sum);
  const columns = all.slice(0, 5);
  if (all.length > 5) {
    const column = all[5].column.slice();
    for (const other of all.slice(6))
      other.column.forEach((value, k) => { column[k] += value; });
    columns.push({ name: 'others', column });
  }
  return columns;
}

function timeInputs(page) {
  const field = name => h('input', { type: 'text', size: 24, 'aria-label': `${name} (UTC)`, placeholder: name,
    onchange: () => take() });
  const from = field('From');
  const to = field('Until');
  // UTC, unless another zone is named; NaN is no time
  const parse = text => {
    const time = text.trim().replace(' ', 'T');
    return Date.parse(/(Z|[+-]\d\d:?\d\d)$/i.test(time) || !time.includes('T') ? time : `${time}Z`);
  };
  const read = (input, usual) => {
    const time = input.value.trim() ? parse(input.value) : usual;
    input.setCustomValidity(Number.isNaN(time) ? 'No time, such as 2025-11-20 08:00' : '');
    return input.reportValidity() ? time : NaN;
  };
  const take = () => {
    const [first, last] = [read(from, page.first), read(to, page.last + 1)];
    if (!Number.isNaN(first + last))
      page.change({ time: from.value || to.value ? [Math.min(first, last), Math.max(first, last)] : null });
  };
  const show = () => {
    [from, to].forEach((input, k) => {
      input.value = page.state.time ? timeText(page.state.time[k]) : '';
      input.setCustomValidity('');
    });
  };
  return { element: h('div', { class: 'times' }, 'Times from ', from, ' until ', to, ' (UTC)'), show };
}

export function timePanel(page) {
  const panel = new Panel(page, { id: 'time', title: 'Traffic over time', wide: true, height: 280,
    help: 'Each bar is a span of time and counts the flows that began in it; colours are protocols. ' +
      'Drag over bars to choose a time: everything else on the page follows. A click beside the choice ends it.' });
  const bins = binsOf(page.first, page.last);
  const label = k => timeText((bins.first + k) * bins.size, bins.size);
  const inputs = timeInputs(page);
  panel.body.prepend(inputs.element);

  panel.ready = chart => {
    chart.on('brushEnd', ({ areas }) => {
      const range = areas[0]?.coordRange;
      if (!range) {
        page.change({ time: null });
        return;
      }
      const [low, high] = range.map(k => Math.min(Math.max(k, 0), bins.count - 1));
      page.change({ time: [(bins.first + low) * bins.size, (bins.first + high + 1) * bins.size] });
    });
  };
  panel.drawn = chart => {
    const { time } = page.state;
    chart.dispatchAction({ type: 'takeGlobalCursor', key: 'brush',
      brushOption: { brushType: 'lineX', brushMode: 'single' } });
    chart.dispatchAction({ type: 'brush', areas: time ? [{ brushType: 'lineX', xAxisIndex: 0, coordRange: [
      Math.floor(time[0] / bins.size) - bins.first, Math.ceil(time[1] / bins.size) - 1 - bins.first] }] : [] });
  };

  return { element: panel.element, update() {
    const c = colours();
    const measure = MEASURES[page.state.measure];
    const columns = columnsOf(sumBins(page, bins));
    const totals = Array.from({ length: bins.count }, (_, k) => columns.reduce((sum, { column }) => sum + column[k], 0));
    const peak = totals.indexOf(Math.max(...totals));
    inputs.show();
    panel.draw(() => ({
      color: c.series,
      grid: { left: 70, right: 20, top: 30, bottom: 30 },
      legend: { top: 0, textStyle: { color: c.text } },
      tooltip: { trigger: 'axis', ...tooltip(c, items => tip(label(items[0].dataIndex),
        ...items.filter(item => item.value).map(item => `${item.seriesName}: ${measure.text(item.value)}`))) },
      brush: { xAxisIndex: 0, brushStyle: { color: `${c.accent}33`, borderColor: c.accent },
        outOfBrush: { colorAlpha: 0.35 }, throttleType: 'debounce', throttleDelay: 100 },
      xAxis: { type: 'category', data: totals.map((_, k) => label(k)), axisLabel: { color: c.faint, hideOverlap: true },
        axisLine: { lineStyle: { color: c.line } } },
      yAxis: { type: 'value', axisLabel: { color: c.faint, formatter: measure.text },
        splitLine: { lineStyle: { color: c.line } } },
      series: columns.map(({ name, column }) => ({ type: 'bar', name, stack: 'all', barCategoryGap: '8%',
        data: Array.from(column) })),
    }), `${measure.title} over time in ${counted(bins.count, 'bar')}, from ${label(0)} to ${label(bins.count - 1)}. ` +
      `${measure.text(totals.reduce((a, b) => a + b, 0))} in all; the highest, at ${label(peak)}, has ` +
      `${measure.text(totals[peak] ?? 0)}.`);
    listBins(page, panel, bins, label);
  } };
}

// The bins with most, as a table.
function listBins(page, panel, bins, label) {
  const { rows } = page.data;
  const sums = new Map();
  page.store.each(['time'], i => {
    const k = Math.floor(rows.start[i] / bins.size) - bins.first;
    let sum = sums.get(k);
    if (!sum)
      sums.set(k, sum = { key: k, bytes: 0, packets: 0, flows: 0 });
    sum.bytes += rows.bytes[i];
    sum.packets += rows.packets[i];
    sum.flows += rows.flows[i];
  });
  const items = [...sums.values()].sort((a, b) => a.key - b.key);
  panel.list(`${exactText(items.length)} spans of time`, items.map(sum => {
    const time = [(bins.first + sum.key) * bins.size, (bins.first + sum.key + 1) * bins.size];
    const chosen = page.state.time && page.state.time[0] === time[0] && page.state.time[1] === time[1];
    return { label: label(sum.key), sum, chosen, choose: () => page.change({ time: chosen ? null : time }) };
  }), items.length, 'time');
}
