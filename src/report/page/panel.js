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

export function textWidth(text, size = 12) {
  return echarts.format.getTextRect(text, `${size}px ${FONT}`).width;
}

// A text that is too wide loses its middle: IPv6 addresses of a network differ at the end.
export function fitted(text, width) {
  if (textWidth(text) <= width)
    return text;
  let kept = text.length - 1;
  const cut = () => `${text.slice(0, Math.ceil(kept / 2))}…${text.slice(text.length - Math.floor(kept / 2))}`;
  while (kept > 2 && textWidth(cut()) > width)
    kept--;
  return cut();
}

// "12.3 %"
export function shareText(part, all) {
  return `${(100 * part / (all || 1)).toFixed(1)} %`;
}

// The largest things and their figures, for the text beside a chart.
export function largestText(items, text) {
  return items.length ? items.slice(0, 5).map(text).join(', ') : 'none, because no flow meets the choices';
}

// Safari has none
const whenIdle = window.requestIdleCallback ?? (call => setTimeout(call, 50));

// Texts and tables of all panels follow each change at once. Charts do if they are in view; the others wait
// until they come into view, or until the browser has nothing else to do.
export class Panel {
  static all = [];
  static onPaper = false;
  static waiting = new Set();
  static idle = false; // the browser has been asked
  static seen = new IntersectionObserver(entries => {
    for (const { target, isIntersecting } of entries) {
      const panel = Panel.all.find(({ box }) => box === target);
      panel.inView = isIntersecting;
      if (isIntersecting)
        panel.paint();
    }
    Panel.settle();
    Panel.looked();
  });
  static looked = () => {};
  static inView = new Promise(resolve => { Panel.looked = resolve; }); // what is in view is drawn

  // Says on the page whether all charts are drawn; the next one that waits is when the browser is idle.
  static settle() {
    document.documentElement.dataset.drawn = Panel.waiting.size ? 'no' : 'yes';
    if (!Panel.waiting.size || Panel.idle)
      return;
    Panel.idle = true;
    whenIdle(() => {
      Panel.idle = false;
      for (const panel of Panel.waiting) {
        panel.paint();
        break;
      }
      Panel.settle();
    });
  }

  static drawAll() {
    for (const panel of Panel.waiting)
      panel.paint();
    Panel.settle();
  }

  // Charts on paper are others, as wide as the paper, and SVG: browsers print canvases with many shapes in
  // part only, and nobody finds a text in them. Those of the screen stay as they are meanwhile.
  static print(on) {
    if (on === Panel.onPaper)
      return;
    Panel.onPaper = on;
    for (const panel of Panel.all) {
      if (!on)
        panel.chart?.dispose();
      [panel.chart, panel.other] = [panel.other, on ? panel.chart : null];
    }
  }

  // `height` of the chart in pixels; 0: the panel has none.
  constructor(page, { id, title, help, height = 320, wide = false }) {
    this.page = page;
    this.body = h('div', { class: 'panel-body' });
    this.tools = h('div', { class: 'panel-tools' });
    this.box = height ? h('div', { class: 'chart', id: `chart-${id}`, role: 'img', style: `height:${height}px` }) : null;
    this.paper = height ? h('div', { class: 'paper', style: `height:${height}px`, 'aria-hidden': 'true' }) : null;
    this.size = { width: wide ? PAPER.wide : PAPER.half, height }; // on paper, in px
    this.rows = h('div', { class: 'list' });
    this.element = h('section', { id, class: wide ? 'panel wide' : 'panel', 'aria-labelledby': `${id}-title` },
      h('div', { class: 'panel-head' }, h('h2', { id: `${id}-title` }, title), this.tools),
      h('details', { class: 'help' }, h('summary', {}, 'How to read this'), h('p', {}, help)),
      this.box, this.paper, this.body);
    if (this.box)
      this.body.append(h('details', { class: 'as-table' }, h('summary', {}, 'As a table'), this.rows));
    this.chart = null; // that of the screen, or of paper while that is made
    this.other = null; // that of the screen meanwhile
    this.option = null; // of the chart that waits: a function
    this.inView = false;
    Panel.all.push(this);
    if (this.box)
      Panel.seen.observe(this.box);
  }

  // px of the chart
  width() {
    return Panel.onPaper ? this.size.width : this.box.clientWidth;
  }

  begin() {
    if (Panel.onPaper) {
      this.chart = echarts.init(this.paper, null, { renderer: 'svg', ...this.size });
      return;
    }
    this.chart = echarts.init(this.box, null, { renderer: 'canvas' });
    this.ready?.(this.chart);
    new ResizeObserver(() => this.resize()).observe(this.box);
  }

  // Draws, now or later; `option` makes what ECharts takes, `summary` is what a screen reader says of the picture.
  draw(option, summary) {
    this.box.setAttribute('aria-label', summary);
    this.option = option;
    Panel.waiting.add(this);
    if (this.inView || Panel.onPaper)
      this.paint();
  }

  paint() {
    const make = this.option;
    if (!make)
      return;
    this.option = null;
    Panel.waiting.delete(this);
    if (!this.chart)
      this.begin();
    const option = make();
    // some kinds of series move unless they are told themselves, and paper would show the begin
    const still = { ...option, animation: false, series: option.series.map(series => ({ ...series, animation: false })) };
    this.chart.setOption({ textStyle: { fontFamily: FONT }, ...still }, { notMerge: true });
    this.drawn?.(this.chart);
  }

  // Not to nothing: ECharts cannot draw a network of hosts without room. The first call comes right after the
  // chart was drawn, which has its size already.
  resize() {
    const { clientWidth, clientHeight } = this.box;
    if (!Panel.onPaper && clientWidth && clientHeight &&
      (clientWidth !== this.chart.getWidth() || clientHeight !== this.chart.getHeight()))
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
