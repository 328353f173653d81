// SPDX-License-Identifier: BSD-2-Clause
// Elements. Texts become text nodes, never HTML: names come from the network.
import { clean } from './format.js';

// h('button', { class: 'chip', onclick: f }, 'tcp', ' ×')
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on'))
      element.addEventListener(name.slice(2), value);
    else if (value === true)
      element.setAttribute(name, '');
    else if (value !== false && value !== undefined && value !== null)
      element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined)
    .map(child => (child instanceof Node ? child : clean(child))));
  return element;
}

// A part that scrolls by itself, by keyboard as well. What is in it may be replaced without its moving.
export function scroller(label) {
  return h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': label });
}

// A table: columns of { title, number }, rows of arrays of cells.
export function table(caption, columns, rows) {
  return h('table', {}, h('caption', { class: 'hidden' }, caption),
    h('thead', {}, h('tr', {}, columns.map(column =>
      h('th', { scope: 'col', class: column.number ? 'number' : undefined }, column.title)))),
    h('tbody', {}, rows.map(cells => h('tr', {}, cells.map((cell, k) =>
      h('td', { class: columns[k].number ? 'number' : undefined }, cell))))));
}

// Lines of text for the box of ECharts that follows the mouse.
export function tip(...lines) {
  return h('div', {}, lines.map((line, k) => h('div', { class: k ? undefined : 'tip-title' }, line)));
}

const CONTROLS = 'button:not(:disabled), input, select, summary, [tabindex]';

// The control that takes the place of one that is gone: with the same name, else at the same place.
function successor(element, before, name) {
  const controls = [...element.querySelectorAll(CONTROLS)];
  const nearest = controls[Math.min(before, controls.length - 1)];
  const named = nearest?.textContent === name ? nearest : controls.find(control => control.textContent === name);
  return named ?? nearest ?? element;
}

// New children. If one of the old ones had the focus, its successor gets it, so that a keyboard goes on there; without
// one the element itself, which has tabindex -1 then.
export function replace(element, ...children) {
  const focus = element.contains(document.activeElement) && element !== document.activeElement ? document.activeElement : null;
  const place = focus ? [...element.querySelectorAll(CONTROLS)].indexOf(focus) : 0;
  element.replaceChildren(...children.flat().filter(Boolean));
  if (focus && !element.contains(focus))
    successor(element, Math.max(place, 0), focus.textContent).focus({ preventScroll: true });
}
