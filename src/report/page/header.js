// SPDX-License-Identifier: BSD-2-Clause
// The top of the page: title, sums of what is chosen, the choices themselves, the measure, the theme.
import { h, replace } from './dom.js';
import { bytesText, clean, counted, countText, durationText, exactText, MEASURES, protocolName, serviceLabel,
  timeText } from './format.js';
import { Panel } from './panel.js';
import { emptyState } from './state.js';

function total(name, text, value, all) {
  return h('span', { id: `total-${name}`, 'data-value': value },
    h('b', {}, text(value)), ` ${name}`, value === all ? null : h('small', {}, ` of ${text(all)}`));
}

// "12 hosts and 1 network"
function placesText(all) {
  const hosts = all.filter(host => host.version);
  const whole = hosts.filter(host => host.whole).length;
  return [[whole, 'host'], [hosts.length - whole, 'network']].filter(([count], k) => count || (k === 0 && !hosts.length))
    .map(([count, noun]) => counted(count, noun)).join(' and ');
}

// What is chosen: { title, remove } of each choice that is in force.
function choicesOf(page) {
  const { state } = page;
  const list = (dimension, label) => state[dimension].map(name =>
    ({ title: label(name), remove: () => page.toggle(dimension, name) }));
  return [
    state.time && { title: `${timeText(state.time[0])} – ${timeText(state.time[1])}`, remove: () => page.change({ time: null }) },
    ...list('proto', name => protocolName(Number(name))), ...list('service', serviceLabel),
    ...list('host', String), ...list('pair', name => name.replace('>', ' ↔ ')), ...list('country', String),
    state.where && !page.mistake && { title: state.where, remove: () => page.change({ where: '' }) },
  ].filter(Boolean);
}

// A button for each choice.
function chips(page, choices) {
  const { state } = page;
  const found = choices.map(({ title, remove }) =>
    h('button', { class: 'chip', 'aria-label': `End the choice ${title}`, onclick: remove }, title));
  if (found.length > 1)
    found.push(h('button', { onclick: () => page.change({ ...emptyState(), measure: state.measure, sort: state.sort, links: state.links }) },
      'End all choices'));
  return found;
}

// What a change has done, for those who hear the page.
function sayingOf({ totals, everything }, choices) {
  const part = (name, text) => `${text(totals[name])} of ${text(everything[name])}`;
  return `${choices.length ? `Chosen: ${choices.map(choice => clean(choice.title)).join('; ')}.` : 'Nothing is chosen.'} ` +
    `${part('flows', exactText)} flows, ${part('packets', exactText)} packets, ${part('bytes', bytesText)}.`;
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
    Panel.print(true);
    page.update();
  });
  addEventListener('afterprint', () => {
    apply(before ?? 'light');
    Panel.print(false);
    page.update();
  });
  return button;
}

export function header(page) {
  const { about } = page.data;
  const totals = h('div', { class: 'totals' });
  const measured = h('p', { class: 'measured' }); // on paper, where the choice is not shown
  const said = h('p', { class: 'hidden', id: 'said', role: 'status' });
  const choices = h('div', { class: 'chips', role: 'group', 'aria-label': 'Choices', tabindex: -1 });
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
    h('div', { class: 'bar', role: 'region', 'aria-label': 'Choices and sums' }, totals, form, measure, themeButton(page),
      mistake, choices, measured, said));

  return { element, update() {
    measure.value = page.state.measure;
    measured.textContent = `Charts show ${page.state.measure}.`;
    if (document.activeElement !== where || !page.mistake)
      where.value = page.state.where;
    mistake.textContent = page.mistake;
    where.setAttribute('aria-invalid', String(Boolean(page.mistake)));
    replace(totals, total('bytes', bytesText, page.totals.bytes, page.everything.bytes),
      total('packets', countText, page.totals.packets, page.everything.packets),
      total('flows', countText, page.totals.flows, page.everything.flows));
    const found = choicesOf(page);
    replace(choices, chips(page, found));
    const saying = sayingOf(page, found);
    if (said.textContent !== saying) // what is said again would be heard again
      said.textContent = saying;
  } };
}
