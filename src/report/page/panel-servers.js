// SPDX-License-Identifier: BSD-2-Clause
// Servers: hosts that answered, with the services that they answered on.
import { REQUEST, serviceName } from './data.js';
import { h, replace, scroller, table } from './dom.js';
import { counted, exactText, serviceLabel } from './format.js';
import { Panel } from './panel.js';

const MOST = 40;

function serversOf(page) {
  const { rows } = page.data;
  const found = new Map();
  page.store.each([], i => {
    if (!rows.role[i] || rows.service[i] % 0x10000 === 0)
      return;
    const request = rows.role[i] === REQUEST;
    const server = request ? rows.dst[i] : rows.src[i];
    const key = server * 0x2000000 + rows.service[i];
    let sum = found.get(key);
    if (!sum)
      found.set(key, sum = { server, service: rows.service[i], clients: new Set(), flows: 0, bytes: 0, first: Infinity });
    sum.clients.add(request ? rows.src[i] : rows.dst[i]);
    sum.flows += request ? rows.flows[i] : 0;
    sum.bytes += rows.bytes[i];
    sum.first = Math.min(sum.first, rows.start[i]);
  });
  return [...found.values()].sort((a, b) => b.clients.size - a.clients.size || b.bytes - a.bytes);
}

export function serverPanel(page) {
  const panel = new Panel(page, { id: 'servers', title: 'Servers found', height: 0,
    help: 'Hosts that answered, and where. Requests that nobody answered make no server, so a scan does not fill this ' +
      'list. If both ports are 1024 or higher, the host that was called first is taken for the server. ' +
      'A click chooses the host together with the service.' });
  const { hosts } = page.data;
  const scroll = scroller('Table of servers');
  const note = h('p', { class: 'note' });
  panel.body.append(scroll, note);
  return { element: panel.element, update() {
    const all = serversOf(page);
    const row = sum => [
      h('button', { class: 'choice', onclick: () => page.change({ host: [hosts[sum.server].name], service: [serviceName(sum.service)] }) },
        hosts[sum.server].name), hosts[sum.server].local ? 'inside' : 'outside', serviceLabel(serviceName(sum.service)),
      exactText(sum.clients.size), exactText(sum.flows), exactText(sum.bytes)];
    replace(scroll, table('Servers', [{ title: 'Server' }, { title: 'Where' }, { title: 'Service' }, { title: 'Clients', number: true },
      { title: 'Requests', number: true }, { title: 'Bytes', number: true }], all.slice(0, MOST).map(row)));
    note.textContent = all.length > MOST ? `${exactText(all.length - MOST)} more are not listed.` : counted(all.length, 'service') + '.';
  } };
}
