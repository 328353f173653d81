// SPDX-License-Identifier: BSD-2-Clause
// What is on the page and what is not: the books of those who read and metered, and the licences.
import { h, replace, table } from './dom.js';
import { counted, exactText, timeText } from './format.js';
import { Panel } from './panel.js';

function sentences({ about, rows }) {
  const lines = [`${counted(about.flows, 'flow')} ${about.flows === 1 ? 'was' : 'were'} read; a biflow counts as two, one for each direction.`];
  if (about.sums)
    lines.push(`There are too many for one page: each of its ${exactText(rows.count)} lines adds up ${about.sums}. ` +
      'Bytes, packets and numbers of flows are exact.');
  if (about.where)
    lines.push(`Only flows that meet this condition were taken: ${about.where}`);
  if (about.anonymized)
    lines.push('Addresses are not the real ones: networks were kept together, and names were numbered.');
  if (about.unnamed)
    lines.push(`${exactText(about.unnamed)} flows have a name that is not here: there are too many different ones.`);
  lines.push(`Made by spanflow ${about.version} at ${timeText(about.made, 1000)}.`);
  return lines;
}

function counters(caption, notes) {
  return table(caption, [{ title: 'Counter' }, { title: 'Meaning' }, { title: 'Count', number: true }],
    notes.map(([name, meaning, count]) => [name, meaning, exactText(count)]));
}

// Counters that are zero stand behind one sentence.
function zeros(notes) {
  if (!notes.length)
    return null;
  const many = `${counted(notes.length, 'further counter')} ${notes.length === 1 ? 'is' : 'are'}`;
  return h('details', { class: 'zeros' }, h('summary', {}, `${many} zero: nothing of the kind happened`),
    counters('Counters that are zero', notes));
}

export function notesPanel(page) {
  const panel = new Panel(page, { id: 'notes', title: 'What was lost or ignored', wide: true, height: 0,
    help: 'Counts of the program that read the files and metered captures.' });
  const { about } = page.data;
  const counted = about.notes.filter(([, , count]) => count);
  replace(panel.body,
    h('ul', {}, sentences(page.data).map(line => h('li', {}, line))),
    counted.length ? counters('Counters', counted) : null,
    zeros(about.notes.filter(([, , count]) => !count)),
    h('details', { class: 'licences' }, h('summary', {}, 'Licences of the libraries on this page'),
      (window.spanflowLicences ?? []).map(text => h('pre', {}, text))));
  return { element: panel.element, update() {} };
}
