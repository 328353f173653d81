// SPDX-License-Identifier: BSD-2-Clause
// Numbers for pairs of whole numbers, in the order of their first use: for pairs of hosts, for example. Sums by
// such a number are sums in typed arrays, which cost a tenth of those in a Map.

export class PairNumbers {
  // `most`: pairs at most.
  constructor(most) {
    let size = 16;
    while (size < 2 * most)
      size *= 2;
    this.first = new Uint32Array(most);
    this.second = new Uint32Array(most);
    this.count = 0;
    this.places = new Uint32Array(size); // number + 1; 0: free
    this.mask = size - 1;
    this.seed = Math.random() * 0x100000000 >>> 0; // so that nobody chooses hosts whose places are the same
  }

  place(a, b) {
    const { first, second, places, mask } = this;
    let at = Math.imul(Math.imul(a ^ this.seed, 0x9e3779b1) ^ b, 0x85ebca6b);
    at = (at ^ at >>> 15) & mask;
    while (places[at] && (first[places[at] - 1] !== a || second[places[at] - 1] !== b))
      at = (at + 1) & mask;
    return at;
  }

  // The number of a pair, a new one if it has none.
  of(a, b) {
    const at = this.place(a, b);
    if (!this.places[at]) {
      this.first[this.count] = a;
      this.second[this.count] = b;
      this.places[at] = ++this.count;
    }
    return this.places[at] - 1;
  }

  // The number of a pair; -1: it has none.
  find(a, b) {
    return this.places[this.place(a, b)] - 1;
  }
}
