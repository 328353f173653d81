// SPDX-License-Identifier: BSD-2-Clause
// Puts the page together: data, filters, panels, and the state in the URL's fragment.
import * as echarts from 'echarts/core';
import { BarChart, GraphChart, HeatmapChart, MapChart, PieChart, SankeyChart, ScatterChart, TreemapChart } from 'echarts/charts';
import { BrushComponent, GeoComponent, GridComponent, LegendComponent, TooltipComponent, VisualMapComponent } from 'echarts/components';
import { LabelLayout } from 'echarts/features';
import { CanvasRenderer, SVGRenderer } from 'echarts/renderers';
import { decode, serviceName } from './data.js';
import { h, replace } from './dom.js';
import { header } from './header.js';
import { hostSums } from './hosts.js';
import { activityPanel } from './panel-activity.js';
import { protocolPanel, servicePanel } from './panel-bars.js';
import { bubblePanel } from './panel-bubble.js';
import { linksPanel } from './panel-links.js';
import { mapPanel } from './panel-map.js';
import { notesPanel } from './panel-notes.js';
import { serverPanel } from './panel-servers.js';
import { tablePanel } from './panel-table.js';
import { timePanel } from './panel-time.js';
import { treePanel } from './panel-tree.js';
import { Panel } from './panel.js';
import { emptyState, fragmentOf, stateFromFragment } from './state.js';
import { Store } from './store.js';
import { makeFields } from './where-fields.js';
import { compile } from './where.js';

echarts.use([BarChart, GraphChart, HeatmapChart, MapChart, PieChart, SankeyChart, ScatterChart, TreemapChart,
  BrushComponent, GeoComponent, GridComponent, LegendComponent, TooltipComponent, VisualMapComponent, LabelLayout,
  CanvasRenderer, SVGRenderer]);

const PANELS = [timePanel, protocolPanel, servicePanel, bubblePanel, treePanel, serverPanel, activityPanel, linksPanel,
  mapPanel, tablePanel, notesPanel];

class Page {
  constructor(data) {
    this.data = data;
    this.store = new Store(data);
    this.state = emptyState();
    this.hostNumbers = new Map(data.hosts.map((host, k) => [host.name, k]));
    const { start, count } = data.rows;
    this.first = count ? start.reduce((a, b) => Math.min(a, b)) : 0;
    this.last = count ? start.reduce((a, b) => Math.max(a, b)) : 0;
    this.panels = [];
    this.fields = makeFields(data);
    this.mistake = '';
  }

  // Changes parts of the state, and everything that depends on them.
  change(patch) {
    this.state = { ...this.state, page: 0, ...patch };
    history.pushState(null, '', `#${fragmentOf(this.state)}`); // so that Back takes a choice back
    this.apply();
  }

  toggle(dimension, name) {
    const chosen = this.state[dimension];
    this.change({ [dimension]: chosen.includes(name) ? chosen.filter(other => other !== name) : [...chosen, name] });
  }

  apply() {
    const { rows, hosts } = this.data;
    const { time, proto, service, host, pair, country } = this.state;
    const set = (dimension, list, test) => this.store.filter(dimension, list.length ? test(new Set(list)) : null);
    const hostNumber = name => this.hostNumbers.get(name) ?? -1;
    this.store.filter('time', time && (i => rows.start[i] >= time[0] && rows.start[i] < time[1]));
    set('proto', proto.map(Number), chosen => i => chosen.has(rows.proto[i]));
    set('service', service, chosen => i => chosen.has(serviceName(rows.service[i])));
    set('host', host.map(hostNumber), chosen => i => chosen.has(rows.src[i]) || chosen.has(rows.dst[i]));
    set('pair', pair, chosen => {
      const keys = new Set([...chosen].map(text => text.split('>').map(hostNumber).sort((a, b) => a - b).join('>')));
      return i => keys.has(rows.src[i] < rows.dst[i] ? `${rows.src[i]}>${rows.dst[i]}` : `${rows.dst[i]}>${rows.src[i]}`);
    });
    set('country', country, chosen => i => chosen.has(hosts[rows.src[i]].country) || chosen.has(hosts[rows.dst[i]].country));
    this.store.filter('where', this.condition(this.state.where));
    this.update();
  }

  // The test of a condition in words; with a mistake in it, none, and the mistake is shown.
  condition(text) {
    this.mistake = '';
    if (!text.trim())
      return null;
    try {
      return compile(text, this.fields, this.data.about.made);
    } catch (error) {
      this.mistake = error.message;
      return null;
    }
  }

  // Sums of all flows that meet a condition, whatever is chosen: for tests, and for the console of a browser
  // (spanflowPage.ask('port 53')). Throws a mistake in it.
  ask(text) {
    const { rows, about } = this.data;
    const test = compile(text, this.fields, about.made);
    const sums = { bytes: 0, packets: 0, flows: 0 };
    for (let i = 0; i < rows.count; i++)
      if (test(i))
        for (const name of Object.keys(sums))
          sums[name] += rows[name][i];
    return sums;
  }

  // Sums by host, whatever hosts are chosen; several panels need them.
  hostSums() {
    return this.sums ??= hostSums(this.store, ['host']);
  }

  update() {
    this.totals = this.store.totals();
    this.sums = null;
    for (const panel of this.panels)
      panel.update();
    Panel.settle();
  }

  // Draws what waits until it is seen: for tests, and for the console of a browser.
  drawAll() {
    Panel.drawAll();
  }
}

// The fragment is the state of the page, so links within the page do not change it.
function toFlows(event) {
  event.preventDefault();
  document.querySelector('#flows .scroll').focus();
}

async function begin() {
  const element = document.getElementById('data');
  performance.mark('program');
  const data = decode(await window.unpack(element, element.dataset.form === 'deflate'));
  element.remove();
  performance.mark('data');
  const page = new Page(data);
  window.spanflowPage = page;
  page.everything = page.store.totals();
  page.totals = page.everything;
  const top = header(page);
  // without flows there is nothing to draw
  const shown = data.rows.count ? PANELS : [notesPanel];
  page.panels = [top, ...shown.map(make => make(page)).filter(Boolean)];
  replace(document.getElementById('app'),
    data.rows.count ? h('a', { class: 'hidden skip', href: '#flows', onclick: toFlows }, 'To the table of flows') : null,
    top.element, h('main', {}, page.panels.slice(1).map(panel => panel.element)));
  const take = () => {
    page.state = stateFromFragment(location.hash);
    page.apply();
  };
  addEventListener('popstate', take); // also when a person changes the fragment
  take();
  performance.mark('texts');
  if (Panel.waiting.size)
    await Panel.inView;
  // a person can read, scroll and choose now
  performance.mark('interactive');
  if (data.about.refresh)
    setTimeout(() => location.reload(), data.about.refresh * 1000);
  document.documentElement.dataset.ready = 'yes';
}

begin().catch(error => {
  replace(document.getElementById('app'), h('p', {}, `The data of this page cannot be read: ${error.message}`));
  throw error;
});
