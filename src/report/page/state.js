// SPDX-License-Identifier: BSD-2-Clause
// What is chosen on the page, and its form in the URL's fragment:
// #time=1700000000000-1700000060000&proto=6&service=tcp/443&host=192.0.2.1,192.0.2.2&where=bytes>1k

const LISTS = ['proto', 'service', 'host', 'pair', 'country'];
const TEXTS = { where: '', measure: 'bytes', sort: '-bytes', links: 'network' };

export function emptyState() {
  return { time: null, ...Object.fromEntries(LISTS.map(name => [name, []])), ...TEXTS, page: 0 };
}

export function stateFromFragment(fragment) {
  const state = emptyState();
  const parameters = new URLSearchParams(fragment.replace(/^#/, ''));
  const time = /^(-?\d+)-(-?\d+)$/.exec(parameters.get('time') ?? '');
  if (time)
    state.time = [Number(time[1]), Number(time[2])];
  for (const name of LISTS)
    state[name] = (parameters.get(name) ?? '').split(',').filter(Boolean);
  for (const name of Object.keys(TEXTS))
    state[name] = parameters.get(name) ?? TEXTS[name];
  if (!['bytes', 'packets', 'flows'].includes(state.measure))
    state.measure = 'bytes';
  state.page = Math.max(0, Number.parseInt(parameters.get('page') ?? '0', 10) || 0);
  return state;
}

export function fragmentOf(state) {
  const parameters = new URLSearchParams();
  if (state.time)
    parameters.set('time', state.time.join('-'));
  for (const name of LISTS)
    if (state[name].length)
      parameters.set(name, state[name].join(','));
  for (const [name, usual] of Object.entries(TEXTS))
    if (state[name] !== usual)
      parameters.set(name, state[name]);
  if (state.page)
    parameters.set('page', String(state.page));
  return parameters.toString().replaceAll('%2C', ',').replaceAll('%2F', '/').replaceAll('%3A', ':');
}
