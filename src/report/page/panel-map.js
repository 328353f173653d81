// SPDX-License-Identifier: BSD-2-Clause
// Countries on a map, if the records name countries (meter --enrich).
import * as echarts from 'echarts/core';
import codes from 'i18n-iso-countries/codes.json';
import { feature } from 'topojson-client';
import atlas from 'world-atlas/countries-110m.json';
import { tip } from './dom.js';
import { clean, MEASURES } from './format.js';
import { colours, largestText, Panel, tooltip } from './panel.js';

const ALPHA2 = new Map(codes.map(([alpha2, , number]) => [number, alpha2]));

// Rings that cross the 180th meridian go on beyond it; otherwise they would be drawn all the way back.
function unwrap(ring) {
  const crosses = ring.some(([x], k) => k && Math.abs(x - ring[k - 1][0]) > 180);
  return crosses ? ring.map(([x, y]) => [x < 0 ? x + 360 : x, y]) : ring;
}

// Countries as GeoJSON, without Antarctica.
function worldMap() {
  const world = feature(atlas, atlas.objects.countries);
  world.features = world.features.filter(({ id }) => id !== '010');
  for (const { geometry } of world.features)
    geometry.coordinates = geometry.type === 'Polygon' ? geometry.coordinates.map(unwrap)
      : geometry.coordinates.map(polygon => polygon.map(unwrap));
  return world;
}

function countrySums(page) {
  const { rows, hosts } = page.data;
  const sums = new Map();
  const add = (country, i) => {
    if (!country)
      return;
    const sum = sums.get(country) ?? sums.set(country, { key: country, bytes: 0, packets: 0, flows: 0 }).get(country);
    sum.bytes += rows.bytes[i];
    sum.packets += rows.packets[i];
    sum.flows += rows.flows[i];
  };
  page.store.each(['country'], i => {
    const [from, to] = [hosts[rows.src[i]].country, hosts[rows.dst[i]].country];
    add(from, i);
    if (to !== from)
      add(to, i);
  });
  return [...sums.values()];
}

export function mapPanel(page) {
  if (!page.data.hosts.some(host => host.country))
    return null;
  const world = worldMap();
  const names = new Map();
  for (const country of world.features) {
    country.properties.code = ALPHA2.get(country.id) ?? country.properties.name;
    names.set(country.properties.code, country.properties.name);
  }
  echarts.registerMap('world', world);
  const panel = new Panel(page, { id: 'countries', title: 'Countries', wide: true, height: 430,
    help: 'Where the other side is, as the records say: addresses are registered in a country, which need not be where ' +
      'the computer stands. Strong colour is much. Traffic between two countries counts for both. A click chooses a country.' });
  const label = code => (names.has(code) ? `${code} ${names.get(code)}` : code);
  panel.ready = chart => chart.on('click', ({ name }) => name && page.toggle('country', name));
  return { element: panel.element, update() {
    const c = colours();
    const { measure, country } = page.state;
    const { text, title } = MEASURES[measure];
    const items = countrySums(page).sort((a, b) => b[measure] - a[measure]);
    const most = Math.max(1, ...items.map(item => item[measure]));
    panel.draw(() => ({
      tooltip: tooltip(c, ({ name, data }) => tip(label(name), data ? `${title}: ${text(data.amount)}` : 'nothing')),
      visualMap: { show: false, min: 0, max: Math.sqrt(most), inRange: { color: [`${c.accent}33`, c.accent] } },
      series: [{ type: 'map', top: 5, bottom: 5, map: 'world', nameProperty: 'code', roam: true, selectedMode: false, label: { show: false },
        emphasis: { label: { show: false }, itemStyle: { areaColor: c.warn } },
        itemStyle: { areaColor: c.back, borderColor: c.line },
        data: items.map(item => ({ name: item.key, value: Math.sqrt(item[measure]), amount: item[measure],
          itemStyle: country.includes(item.key) ? { borderColor: c.warn, borderWidth: 2 } : undefined })) }],
    }), `${title} by country: ${largestText(items, item => `${label(item.key)} ${text(item[measure])}`)}`);
    panel.list('Countries', items.slice(0, 40).map(sum => ({ label: clean(label(sum.key)), sum,
      chosen: country.includes(sum.key), choose: () => page.toggle('country', sum.key) })), items.length, 'country');
  } };
}
