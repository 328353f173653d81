// SPDX-License-Identifier: BSD-2-Clause
// The language of --where (the grammar is in src/ask/where.h), compiled to a function of the row's number.
// tests/cli/test_report.py runs the same expressions through this and through spanflow show. `in FILE` does not
// work in a browser; fields that the page does not hold are refused by name.
import { inNet, MAX, Mistake, parseDuration, parseFlags, parseNet, parseNumber, parseOffset, parsePort, parseProtocol,
  parseTime, PRIVATE, protocolNumber, readToken, tokenIs } from './where-words.js';

const NOUNS = { host: ['src', 'dst'], ip: ['src', 'dst'], addr: ['src', 'dst'], net: ['src', 'dst'], port: ['sport', 'dport'],
  portrange: ['sport', 'dport'], as: ['srcas', 'dstas'], country: ['srccountry', 'dstcountry'], if: ['in-if', 'out-if'] };
const SIDES = ['src', 'dst', 'either', 'both'];
const VERSIONS = { ipv4: 4, ip4: 4, inet: 4, inet4: 4, ipv6: 6, ip6: 6, inet6: 6 };
const SYNONYMS = { dscp: 'tos', first: 'start', last: 'end', router: 'exporter', protocol: 'proto', ident: 'exporter' };
const OPERATORS = { '=': '=', '==': '=', eq: '=', '!=': '!=', ne: '!=', '<': '<', lt: '<', '>': '>', gt: '>', '<=': '<=',
  le: '<=', '>=': '>=', ge: '>=', '~': '~', '!~': '!~', contains: 'contains', in: 'in' };
const CLOSING = { '[': ']', '{': '}', '(': ')' };
const WANTED = { duration: 'a duration (500ms, 10s, 5m, 2h)', time: 'a time (2025-11-20, 2025-11-20T08:00, today -2h)',
  address: 'an address or a network', flags: 'a set of TCP flags (F S R P A U E C; S/SA)', protocol: 'a protocol',
  text: 'a text' };
const DEPTH = 200;

const not = test => i => !test(i);
const and = (a, b) => i => a(i) && b(i);
const or = (a, b) => i => a(i) || b(i);

class Parser {
  constructor(text, fields, now) {
    Object.assign(this, { text, fields, now, depth: 0, subject: null });
    this.token = { end: 0 };
    this.next();
  }

  fail(message, token = this.token) {
    throw new Mistake(message, token, this.text);
  }

  next() {
    this.token = readToken(this.text, this.token.end);
    if (this.token.kind === 'bad')
      this.fail('"\''.includes(this.text[this.token.start]) ? 'this quote is not closed' : 'this character means nothing here');
  }

  peek(from = this.token) {
    return readToken(this.text, from.end);
  }

  is(...words) {
    return words.some(word => tokenIs(this.token, word));
  }

  accept(...words) {
    const found = this.is(...words);
    if (found)
      this.next();
    return found;
  }

  word() {
    return this.token.kind === 'string' || this.token.kind === 'end' ? '' : this.token.text.toLowerCase();
  }

  // ---- joining

  whole() {
    const test = this.ored();
    if (this.token.kind !== 'end')
      this.fail(`'and' or 'or' is missing before '${this.token.text}'`);
    return test;
  }

  ored() {
    let test = this.anded();
    while (this.accept('or', '||'))
      test = or(test, this.anded());
    return test;
  }

  anded() {
    let test = this.negated();
    while (this.accept('and', '&&'))
      test = and(test, this.negated());
    return test;
  }

  negated() {
    const open = this.token;
    if (++this.depth > DEPTH)
      this.fail(`more than ${DEPTH} parentheses or 'not' in each other`);
    let test;
    if (this.accept('not', '!')) {
      test = not(this.negated());
    } else if (this.accept('(')) {
      test = this.ored();
      if (!this.accept(')'))
        this.token.kind === 'end' ? this.fail('this parenthesis is not closed', open)
          : this.fail("'and', 'or' or ')' is missing here");
    } else {
      test = this.plain();
    }
    this.depth--;
    return test;
  }

  // ---- subjects: { fields, all, port, dscp, token }

  field(name, token = this.token) {
    if (!Object.hasOwn(this.fields, name))
      this.fail(`the page holds no field '${name}'; use it with --where when the page is made`, token);
    return this.fields[name];
  }

  takeNoun(names, side) {
    const chosen = side === 'src' ? names.slice(0, 1) : side === 'dst' ? names.slice(1) : names;
    this.subject = { fields: chosen.map(name => this.field(name)), all: side === 'both', port: names[0] === 'sport',
      token: this.token };
  }

  takeField() {
    const word = this.token.kind === 'word' ? this.token.text : '';
    const name = SYNONYMS[word.toLowerCase()] ?? word;
    const field = this.field(name);
    this.subject = { fields: [field], dscp: word.toLowerCase() === 'dscp', port: Boolean(field.port), token: this.token };
  }

  isNet(token = this.token) {
    return token.kind === 'word' && token.text.length > 1 && /[.:]/.test(token.text) && parseNet(token.text) !== null;
  }

  endsCondition(token = this.token) {
    return token.kind === 'end' || [')', 'and', 'or', '&&', '||'].some(word => tokenIs(token, word));
  }

  // A name where an address could stand is that of an HTTP host.
  isHostName() {
    let token = this.peek();
    if (['=', '!=', '=='].some(word => tokenIs(token, word)))
      token = this.peek(token);
    if (token.kind === 'string' || ['contains', '~', '!~'].some(word => tokenIs(token, word)))
      return true;
    return token.kind === 'word' && !tokenIs(token, 'in') && !tokenIs(token, 'private') && /[g-z]/i.test(token.text);
  }

  noun(side) {
    const word = this.word();
    if (word === 'host' && side === 'either' && this.isHostName())
      this.subject = { fields: [this.field('http-host')], token: this.token };
    else
      this.takeNoun(NOUNS[word], side);
    this.next();
    return this.comparison();
  }

  // "src", "dst", "either", "both", "src or dst", "src and dst"
  takeSide() {
    const side = this.word();
    const joint = this.peek();
    const last = this.peek(joint);
    this.next();
    if (side === 'either' || side === 'both')
      return side;
    if ((tokenIs(joint, 'or') || tokenIs(joint, 'and')) && tokenIs(last, side === 'src' ? 'dst' : 'src')) {
      this.next();
      this.next();
      return tokenIs(joint, 'or') ? 'either' : 'both';
    }
    return side;
  }

  sided() {
    const side = this.takeSide();
    if (Object.hasOwn(NOUNS, this.word()))
      return this.noun(side);
    if (this.token.kind === 'end')
      this.fail('host, net, port, as or country is missing here');
    if (this.token.kind !== 'operator' && this.token.kind !== 'mark' && !this.isNet() && !this.is('in', 'private'))
      this.fail(`'${this.token.text}' cannot follow src or dst: host, net, port, as, country or an address can`);
    this.takeNoun(NOUNS.host, side);
    return this.comparison();
  }

  // ---- conditions

  plain() {
    if (SIDES.includes(this.word()))
      return this.sided();
    const { kind, text } = this.token;
    if (this.subject && (kind === 'string' || (kind === 'word' && /^\d/.test(text)) || this.isNet()))
      return this.comparison();
    if (this.isNet()) {
      this.takeNoun(NOUNS.host, 'either');
      return this.comparison();
    }
    if (kind !== 'word')
      this.fail(kind === 'end' ? 'a condition is missing here' : 'a condition cannot begin with this');
    return this.worded();
  }

  worded() {
    const word = this.word();
    const version = VERSIONS[word] ?? (word === 'ip' && this.endsCondition(this.peek()) ? 4 : null);
    if (version) {
      this.next();
      return i => this.fields.version.read(i) === version;
    }
    if (this.accept('any'))
      return () => true;
    if (Object.hasOwn(NOUNS, word))
      return this.noun('either');
    if (word === 'in' || word === 'out') {
      this.next();
      if (this.word() !== 'if')
        this.fail("'if' is missing here: in if 3");
      return this.noun(word === 'in' ? 'src' : 'dst');
    }
    if (this.accept('has', 'exists')) {
      this.takeField();
      this.next();
      return this.presence();
    }
    const protocol = protocolNumber(word);
    return protocol === undefined ? this.fielded() : this.protocol(protocol);
  }

  // "tcp", "tcp port 80"
  protocol(number) {
    const test = i => this.fields.proto.read(i) === number;
    this.next();
    if (SIDES.includes(this.word()))
      return and(test, this.sided());
    return Object.hasOwn(NOUNS, this.word()) ? and(test, this.noun('either')) : test;
  }

  presence() {
    const { read } = this.subject.fields[0];
    return i => read(i) !== undefined;
  }

  fielded() {
    const router = this.is('router');
    this.takeField();
    this.next();
    if (router)
      this.accept('ip');
    return this.endsCondition() ? this.presence() : this.comparison();
  }

  // ---- comparisons

  comparison() {
    const subject = this.subject;
    const operator = this.token.kind === 'string' ? undefined : OPERATORS[this.word()];
    if (operator)
      this.next();
    if (operator === 'in')
      return this.inComparison(subject);
    const test = this.typed(subject, operator);
    return operator === '!=' || operator === '!~' ? not(test) : test;
  }

  typed(subject, operator) {
    const { type } = subject.fields[0];
    const textual = ['~', '!~', 'contains'].includes(operator);
    if (type === 'exporter' && !textual && this.token.kind === 'word' && parseNet(this.token.text))
      return this.nets(subject, [this.net()]);
    if (type === 'text' || type === 'exporter')
      return this.texts(subject, operator);
    if (textual)
      this.fail('~ and contains are for texts, which this is not', subject.token);
    if (type === 'address') {
      if (operator && operator !== '=' && operator !== '!=')
        this.fail('addresses are compared with =, != and in', subject.token);
      return this.nets(subject, this.accept('private') ? PRIVATE : [this.net()]);
    }
    if (type === 'flags')
      return this.flags(subject, operator);
    return type === 'time' ? this.times(subject, operator) : this.numbers(subject, operator);
  }

  // A test for each field of the subject, joined as the subject says.
  joined(subject, make) {
    return subject.fields.map(make).reduce(subject.all ? and : or);
  }

  // The test of an operator with the values first … last, in the smallest units.
  ordered(subject, operator, first, last) {
    let [low, high] = [first, last];
    if (operator === '<' || operator === '<=')
      [low, high] = [0n, operator === '<' ? first - 1n : first];
    else if (operator === '>' || operator === '>=')
      [low, high] = [operator === '>' ? first + 1n : first, MAX];
    return this.joined(subject, ({ read, unit = 1n }) => {
      const [least, most] = [Number((low + unit - 1n) / unit), Number(high < 0n ? -1n : high / unit)];
      return i => {
        const value = read(i);
        return value !== undefined && value >= least && value <= most;
      };
    });
  }

  wanted(subject) {
    const { type } = subject.fields[0];
    const what = WANTED[type] ?? (subject.port ? 'a port' : 'a number (10, 1.5k, 2M, 0x10)');
    return this.fail(this.token.kind === 'end' ? `${what} is missing here` : `'${this.token.text}' is not ${what}`);
  }

  number(subject, text) {
    const { type } = subject.fields[0];
    if (type === 'duration')
      return parseDuration(text);
    if (type === 'protocol')
      return parseProtocol(text);
    if (type === 'flags')
      return parseFlags(text)?.bits ?? null;
    const number = subject.port ? parsePort(text) : parseNumber(text);
    return subject.dscp && number > 63n ? null : number;
  }

  // "1000-2000", or one number: [low, high]
  range(subject) {
    const { kind, text } = this.token;
    const one = kind === 'word' || kind === 'string' ? this.number(subject, text) : null;
    if (one !== null)
      return [one, one];
    for (let i = 1; kind === 'word' && i + 1 < text.length; i++) {
      const [low, high] = text[i] === '-' ? [this.number(subject, text.slice(0, i)), this.number(subject, text.slice(i + 1))] : [];
      if (low !== undefined && low !== null && high !== null && low <= high)
        return [low, high];
    }
    return this.wanted(subject);
  }

  numbers(subject, operator) {
    let [low, high] = this.range(subject);
    if (low !== high && operator && operator !== '=' && operator !== '!=')
      this.fail('a range can only be compared with = or !=');
    if (subject.dscp) {
      [low, high] = [low << 2n, (high << 2n) + 3n];
      if (operator === '>' || operator === '<=')
        low += 3n;
    }
    this.next();
    return this.ordered(subject, operator, low, high);
  }

  flags(subject, operator) {
    const found = this.token.kind === 'word' ? parseFlags(this.token.text) : null;
    if (!found)
      this.wanted(subject);
    if (operator && operator !== '=' && operator !== '!=')
      return this.numbers(subject, operator);
    const bits = Number(found.bits);
    const mask = operator && !this.token.text.includes('/') ? 0xfff : Number(found.mask);
    const { read } = subject.fields[0];
    this.next();
    return i => {
      const value = read(i);
      return value !== undefined && (value & mask) === bits;
    };
  }

  times(subject, operator) {
    let text = this.token.text;
    const clock = this.peek();
    let { first, last } = { first: this.now, last: this.now };
    let offset = parseOffset(text);
    if (clock.kind === 'word' && clock.text.length >= 5 && clock.text[2] === ':' && clock.start === this.token.end + 1) {
      text = this.text.slice(this.token.start, clock.end);
      this.next();
    }
    if (offset === null) {
      const [, word, rest] = /^([A-Za-z]*)(.*)$/.exec(text) ?? [];
      const whole = parseTime(text, this.now);
      const part = whole ?? (word && rest ? parseTime(word, this.now) : null);
      offset = whole ? 0n : parseOffset(rest ?? '');
      if (!part || offset === null || this.token.kind === 'end')
        this.wanted(subject);
      ({ first, last } = whole ?? { first: part.first + offset, last: part.first + offset });
    } else {
      first = last = first + offset;
    }
    this.next();
    for (; this.token.kind === 'word' && (offset = parseOffset(this.token.text)) !== null; this.next())
      first = last = first + offset;
    return this.ordered(subject, operator, first, last);
  }

  net() {
    const net = this.token.kind === 'word' ? parseNet(this.token.text) : null;
    if (!net)
      this.wanted({ fields: [{ type: 'address' }] });
    this.next();
    return net;
  }

  nets(subject, nets) {
    return this.joined(subject, ({ type, read, bits }) => i => {
      const value = read(i);
      const bytes = type === 'exporter' ? value && parseNet(value)?.bytes : value;
      return Boolean(bytes) && nets.some(net => inNet(bytes, net, bits?.(i)));
    });
  }

  texts(subject, operator) {
    const { kind, text } = this.token;
    if (kind !== 'word' && kind !== 'string')
      this.wanted({ fields: [{ type: 'text' }] });
    if (['<', '>', '<=', '>='].includes(operator))
      this.fail('texts are compared with =, !=, contains, ~ and !~');
    const wanted = text.toLowerCase();
    let meets = operator === '=' || operator === '!=' ? value => value.toLowerCase() === wanted
      : value => value.toLowerCase().includes(wanted);
    if (operator === '~' || operator === '!~') {
      const pattern = this.pattern(text);
      meets = value => pattern.test(value);
    }
    this.next();
    return this.joined(subject, ({ read }) => i => {
      const value = read(i);
      return value !== undefined && meets(value);
    });
  }

  // A regular expression of POSIX; its classes have other names here.
  pattern(text) {
    const classes = { alpha: 'A-Za-z', digit: '0-9', alnum: 'A-Za-z0-9', space: '\\s', upper: 'A-Z', lower: 'a-z', xdigit: '0-9A-Fa-f',
      punct: '!-/:-@\\[-`{-~' };
    try {
      return new RegExp(text.replace(/\[:(\w+):\]/g, (whole, name) => classes[name] ?? whole), 'i');
    } catch (error) {
      return this.fail(`not a regular expression: ${error.message}`);
    }
  }

  // ---- lists

  inComparison(subject) {
    const { type } = subject.fields[0];
    const open = this.token;
    const close = open.kind === 'mark' ? CLOSING[open.text] : undefined;
    if (type === 'time' || type === 'flags' || (type === 'text' && !close))
      this.fail("'in' is for addresses, ports and other numbers, and for lists of texts", subject.token);
    if (type === 'address' && !close && open.kind === 'word' && parseNet(open.text))
      return this.nets(subject, [this.net()]);
    if (!close)
      this.fail(open.kind === 'end' ? 'a list [..] is missing here' : 'files are not read here: write [VALUE, ...]');
    const list = { nets: [], ranges: [], tests: [] };
    for (this.next(); !this.accept(close);) {
      if (this.token.kind === 'end')
        this.fail(`this list is not closed with ${close}`, open);
      if (!this.accept(','))
        this.listed(subject, list);
    }
    return this.anyOf(subject, list, open);
  }

  listed(subject, list) {
    const { type } = subject.fields[0];
    if (type === 'text') {
      list.tests.push(this.texts(subject, '='));
    } else if (type === 'address' || type === 'exporter') {
      list.nets.push(this.net());
    } else {
      const [low, high] = this.range(subject);
      list.ranges.push(subject.dscp ? [low << 2n, (high << 2n) + 3n] : [low, high]);
      this.next();
    }
  }

  anyOf(subject, { nets, ranges, tests }, open) {
    const { type } = subject.fields[0];
    if (type === 'text')
      return tests.length ? tests.reduce(or) : this.fail('this list is empty', open);
    if (type === 'address' || type === 'exporter')
      return this.nets(subject, nets);
    return this.joined(subject, field => ranges.map(([low, high]) => this.ordered({ fields: [field] }, '=', low, high))
      .reduce(or, () => false));
  }
}

// `now`: ms since 1970. Throws a Mistake that shows the place.
export function compile(text, fields, now) {
  return new Parser(text, fields, BigInt(Math.floor(now)) * 1000000n).whole();
}
