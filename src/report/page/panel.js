// SPDX-License-Identifier: BSD-2-Clause
// A part of the page: heading, how to read it, a chart, and the same as a table with buttons, for
// keyboards and screen readers.
import * as echarts from 'echarts/core';
import { h, replace, table } from './dom.js';
import { exactText } from './format.js';

export function colours() {
  const style = getComputedStyle(document.documentElement);
  const get = name => style.getPropertyValue(`--${name}`).trim();
  return {
    text: get('text'), faint: get('faint'), line: get('line'), panel: get('panel'), back: get('back'), accent: get('accent'),
    warn: get('warn'), local: get('local'), remote: get('remote'),
    series: ['s1', 's2', 's3', 's4', 's5', 's6', 's7', 's8'].map(get),
  };
}

// Pixels of a chart on A4 between the margins of page.css: of a wide panel, and of one of two beside each other.
const PAPER = { wide: 686, half: 322 };

// Canvases know no 'inherit'.
export const FONT = getComputedStyle(document.body).fontFamily;

// "12.3 %"
export function shareText(part, all) {
  return `${(100 * part / (all || 1)).toFixed(1)} %`;
}

// The largest things and their figures, for the text beside a chart.
export function largestText(items, text) {
  return items.length ? items.slice(0, 5).map(text).join(', ') : 'none, because no flow meets the choices';
}

export class Panel {
  static all = [];
  static onPaper = false;

  // Every chart is made anew at its next draw(): on paper as wide as the paper, with twice the points.
  static paper(on) {
    Panel.onPaper = on;
    for (const panel of Panel.all) {
      panel.chart?.dispose();
      panel.chart = null;
    }
  }

  // `height` of the chart in pixels; 0: the panel has none.
  constructor(page, { id, title, help, height = 320, wide = false }) {
    this.page = page;
    this.body = h('div', { class: 'panel-body' });
    this.tools = h('div', { class: 'panel-tools' });
    this.box = height ? h('div', { class: 'chart', id: `chart-${id}`, role: 'img', style: `height:${height}px` }) : null;
    this.rows = h('div', { class: 'list' });
    this.element = h('section', { id, class: wide ? 'panel wide' : 'panel', 'aria-labelledby': `${id}-title` },
      h('div', { class: 'panel-head' }, h('h2', { id: `${id}-title` }, title), this.tools),
      h('details', { class: 'help' }, h('summary', {}, 'How to read this'), h('p', {}, help)),
      this.box, this.body);
    if (this.box)
      this.body.append(h('details', { class: 'as-table' }, h('summary', {}, 'As a table'), this.rows));
    this.chart = null;
    this.wide = wide;
    Panel.all.push(this);
  }

  // Draws; `summary` is what a screen reader says of the picture.
  draw(option, summary) {
    if (!this.chart) {
      const size = Panel.onPaper ? { width: this.wide ? PAPER.wide : PAPER.half, devicePixelRatio: 2 } : {};
      this.chart = echarts.init(this.box, null, { renderer: 'canvas', ...size });
      this.ready?.(this.chart);
    }
    if (!this.observer) {
      this.observer = new ResizeObserver(() => this.resize());
      this.observer.observe(this.box);
    }
    this.box.setAttribute('aria-label', summary);
    this.chart.setOption({ animation: false, textStyle: { fontFamily: FONT }, ...option }, { notMerge: true });
    this.drawn?.(this.chart);
  }

  // Not to nothing: ECharts cannot draw a network of hosts without room.
  resize() {
    if (this.chart && !Panel.onPaper && this.box.clientWidth && this.box.clientHeight)
      this.chart.resize();
  }

  // Rows of { label, sum, chosen, choose } as a table with buttons. Shares are those of all flows that the
  // other choices let through; `dimension`: whose choice is not counted.
  list(caption, items, all, dimension) {
    const { measure } = this.page.state;
    const total = this.page.store.totals([dimension])[measure];
    const rows = items.map(({ label, sum, chosen, choose }) => [
      h('button', { class: 'choice', 'aria-pressed': String(Boolean(chosen)), onclick: choose }, label),
      exactText(sum.bytes), exactText(sum.packets), exactText(sum.flows),
      shareText(sum[measure], total),
    ]);
    replace(this.rows,
      table(caption, [{ title: 'Choose' }, { title: 'Bytes', number: true }, { title: 'Packets', number: true },
        { title: 'Flows', number: true }, { title: 'Share', number: true }], rows),
      all > items.length ? h('p', { class: 'note' }, `${exactText(all - items.length)} more are not listed.`) : null);
  }
}

export function tooltip(c, formatter) {
  return { confine: true, backgroundColor: c.panel, borderColor: c.line, textStyle: { color: c.text }, formatter };
}
