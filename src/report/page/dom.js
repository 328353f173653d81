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

export function replace(element, ...children) {
  element.replaceChildren(...children.flat().filter(Boolean));
}
