// SPDX-License-Identifier: BSD-2-Clause
// Filters of rows. Each dimension (time, protocol, host ...) has one filter; a chart shows the rows that
// all filters but its own let through, so that its own choice can be seen and changed.
//
// Each row has a set of bits, one for each filter that refuses it. A sum over 200,000 rows takes some
// milliseconds, so sums are made anew after each change; crossfilter2, which keeps them up to date,
// took 0.8 s to begin and 0.1 to 0.3 s for each change with the same rows and charts.

export const DIMENSIONS = ['time', 'proto', 'service', 'host', 'pair', 'country', 'where'];

export class Store {
  constructor(data) {
    this.data = data;
    this.refused = new Uint16Array(data.rows.count);
    this.filters = new Set();
  }

  // `test`: tells whether the row of a number passes; null: every row does.
  filter(dimension, test) {
    const bit = 1 << DIMENSIONS.indexOf(dimension);
    const { refused } = this;
    if (!test && !this.filters.has(dimension))
      return;
    for (let i = 0; i < refused.length; i++)
      refused[i] = test && !test(i) ? refused[i] | bit : refused[i] & ~bit;
    if (test)
      this.filters.add(dimension);
    else
      this.filters.delete(dimension);
  }

  // Calls `take` with the number of each row that all filters let through, but those of `except`.
  each(except, take) {
    const { refused } = this;
    let mask = 0xffff;
    for (const dimension of except)
      mask &= ~(1 << DIMENSIONS.indexOf(dimension));
    for (let i = 0; i < refused.length; i++)
      if (!(refused[i] & mask))
        take(i);
  }

  // The rows that all filters let through.
  numbers() {
    const numbers = new Uint32Array(this.refused.length);
    let count = 0;
    this.each([], i => { numbers[count++] = i; });
    return numbers.subarray(0, count);
  }

  totals(except = []) {
    const { rows } = this.data;
    const sum = { bytes: 0, packets: 0, flows: 0, rows: 0 };
    this.each(except, i => {
      sum.bytes += rows.bytes[i];
      sum.packets += rows.packets[i];
      sum.flows += rows.flows[i];
      sum.rows++;
    });
    return sum;
  }
}

// Sums of the rows by key: Map from key to { key, bytes, packets, flows }.
export function sumBy(store, except, keyOf) {
  const { rows } = store.data;
  const sums = new Map();
  store.each(except, i => {
    const key = keyOf(i);
    if (key === undefined)
      return;
    let sum = sums.get(key);
    if (!sum)
      sums.set(key, sum = { key, bytes: 0, packets: 0, flows: 0 });
    sum.bytes += rows.bytes[i];
    sum.packets += rows.packets[i];
    sum.flows += rows.flows[i];
  });
  return sums;
}

// Orders the items at `from` to `to` - 1 of a list as sorting would; where the others are is not said.
export function sortPart(list, compare, from, to) {
  const parts = [[0, list.length - 1]];
  while (parts.length) {
    const [low, high] = parts.pop();
    if (low >= high || high < from || low >= to)
      continue;
    const middle = list[low + Math.floor(Math.random() * (high - low + 1))];
    let i = low;
    let j = high;
    while (i <= j) {
      while (compare(list[i], middle) < 0)
        i++;
      while (compare(list[j], middle) > 0)
        j--;
      if (i <= j) {
        const item = list[i];
        list[i++] = list[j];
        list[j--] = item;
      }
    }
    parts.push([low, j], [i, high]);
  }
}

// The `count` largest of a list by a measure, and the number of all.
export function largest(list, measure, count) {
  sortPart(list, (a, b) => b[measure] - a[measure] || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0), 0, count);
  return { items: list.slice(0, count), all: list.length };
}

// The same of sums by key.
export function top(sums, measure, count) {
  return largest([...sums.values()], measure, count);
}

// Sums of the rows by a number that each has, below `count`.
export function sumByNumber(store, except, numbers, count) {
  const { rows } = store.data;
  const sums = { bytes: new Float64Array(count), packets: new Float64Array(count), flows: new Float64Array(count) };
  store.each(except, i => {
    sums.bytes[numbers[i]] += rows.bytes[i];
    sums.packets[numbers[i]] += rows.packets[i];
    sums.flows[numbers[i]] += rows.flows[i];
  });
  return sums;
}
