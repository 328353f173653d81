// SPDX-License-Identifier: BSD-2-Clause
// The top of the page: title, sums of what is chosen, the choices themselves, the measure, the theme.
import { h, replace } from './dom.js';
import { bytesText, counted, countText, durationText, MEASURES, protocolName, serviceLabel, timeText } from './format.js';
import { Panel } from './panel.js';
import { emptyState } from './state.js';

function total(name, text, value, all) {
  return h('span', { id: `total-${name}`, 'data-value': value },
    h('b', {}, text(value)), ` ${name}`, value === all ? null : h('small', {}, ` of ${text(all)}`));
}

// "12 hosts and 1 network"
function placesText(hosts) {
  const whole = hosts.filter(host => host.whole).length;
  return [[whole, 'host'], [hosts.length - whole, 'network']].filter(([count], k) => count || !k)
    .map(([count, noun]) => counted(count, noun)).join(' and ');
}

function chip(title, remove) {
  return h('button', { class: 'chip', 'aria-label': `End the choice ${title}`, onclick: remove }, title);
}

// A button for each choice that is in force.
function chips(page) {
  const { state } = page;
  const list = (dimension, label) => state[dimension].map(name => chip(label(name), () => page.toggle(dimension, name)));
  const found = [
    state.time && chip(`${timeText(state.time[0])} – ${timeText(state.time[1])}`, () => page.change({ time: null })),
    ...list('proto', name => protocolName(Number(name))), ...list('service', serviceLabel),
    ...list('host', String), ...list('pair', name => name.replace('>', ' ↔ ')), ...list('country', String),
    state.where && !page.mistake && chip(state.where, () => page.change({ where: '' })),
  ].filter(Boolean);
  if (found.length > 1)
    found.push(h('button', { onclick: () => page.change({ ...emptyState(), measure: state.measure, sort: state.sort }) },
      'End all choices'));
  return found;
}

export function chosenTheme() {
  return document.documentElement.dataset.theme;
}

function themeButton(page) {
  const root = document.documentElement;
  const apply = theme => {
    root.dataset.theme = theme;
    button.textContent = theme === 'dark' ? 'Light' : 'Dark';
  };
  const button = h('button', { 'aria-label': 'Change between dark and light', onclick: () => {
    apply(root.dataset.theme === 'dark' ? 'light' : 'dark');
    page.update();
  } });
  apply(matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
  // on paper everything is light
  let before = null;
  addEventListener('beforeprint', () => {
    before = root.dataset.theme;
    apply('light');
    Panel.paper(true);
    page.update();
  });
  addEventListener('afterprint', () => {
    apply(before ?? 'light');
    Panel.paper(false);
    page.update();
  });
  return button;
}

export function header(page) {
  const { about } = page.data;
  const totals = h('div', { class: 'totals', role: 'status', 'aria-live': 'polite' });
  const choices = h('div', { class: 'chips' });
  const measure = h('select', { 'aria-label': 'What the charts measure',
    onchange: () => page.change({ measure: measure.value }) },
  Object.entries(MEASURES).map(([name, { title }]) => h('option', { value: name }, title)));
  const where = h('input', { type: 'text', id: 'where', 'aria-label': 'Condition, in the language of spanflow show --where',
    placeholder: "a condition, such as: proto udp and port 53 and bytes > 100k", spellcheck: 'false', autocomplete: 'off',
    'aria-describedby': 'where-error' });
  const mistake = h('pre', { class: 'where-error', id: 'where-error', role: 'alert' });
  const form = h('form', { class: 'where', role: 'search', onsubmit: event => {
    event.preventDefault();
    page.change({ where: where.value.trim() });
  } }, where, h('button', { type: 'submit' }, 'Filter'));
  const span = page.data.rows.count
    ? `${timeText(page.first, 1000)} – ${timeText(page.last, 1000)} (${durationText(page.last - page.first)}), ` +
      placesText(page.data.hosts)
    : 'No flows';
  const element = h('div', {},
    h('header', {}, h('h1', {}, about.title), h('p', { class: 'period' }, span)),
    h('div', { class: 'bar' }, totals, form, measure, themeButton(page), mistake, choices));

  return { element, update() {
    measure.value = page.state.measure;
    if (document.activeElement !== where || !page.mistake)
      where.value = page.state.where;
    mistake.textContent = page.mistake;
    replace(totals, total('bytes', bytesText, page.totals.bytes, page.everything.bytes),
      total('packets', countText, page.totals.packets, page.everything.packets),
      total('flows', countText, page.totals.flows, page.everything.flows));
    replace(choices, chips(page));
  } };
}
