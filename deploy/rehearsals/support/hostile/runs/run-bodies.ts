import type { Json, JsonObject } from '../../../../../src/json/json.ts';
import type { HostileBody } from '../bodies.ts';

// Workflows and inbound hooks that are expensive to run, not to read. Each body has the row to
// write and the input of its run.

/** A workflow of `echo` and others, and the body of its run. */
const workflow = (shape: string, row: JsonObject, run: JsonObject): HostileBody => ({
  shape,
  text: JSON.stringify({ workflow: row, run: { message: 'x', ...run } }),
});

const WORKER = { agent: 'development' };
const LONG = 990_000;
const long = (piece: string, length = LONG): string =>
  piece.repeat(Math.floor(length / piece.length));
const nest = (levels: number, open: string, inner: string, close: string): string =>
  `${open.repeat(levels)}${inner}${close.repeat(levels)}`;
const many = (count: number, item: (n: number) => string, between: string): string =>
  Array.from({ length: count }, (_, n) => item(n)).join(between);

/** Doubles a text at each level. */
const doubled = Array.from({ length: 16 }).reduce<string>(
  (inner, _, n) => `cel.bind(x${16 - n}, x${15 - n} + x${15 - n}, ${inner})`,
  'x16.size() == 1',
);

/** Expressions over a text `output` of a megabyte. */
const CONDITIONS: Readonly<Record<string, string>> = {
  size: 'output.size() == 1',
  'a pattern that backtracks': `output.matches('^(a+)+$')`,
  'a comment in a call': 'output.map//\n(x, x) == 1',
  'loops in loops':
    'output.split("").map(a, output.split("").map(b, output.split("").map(c, 1).size()).size()).size() == 7',
  'loops over literals': nest(7, '[1,2,3,4,5,6,7,8,9,0].all(a, ', 'output == "x"', ')'),
  'doubled texts': doubled.replace('x0', 'output').replace('x0', 'output'),
  'a long sum': `${'output + '.repeat(300)}output == 'x'`,
  searches: many(200, (n) => `output.contains('${long('a', 20)}${n}b')`, ' || '),
  'upper and lower case': many(150, (n) => `output.lowerAscii() == 'x${n}'`, ' || '),
  'a long search': 'output.indexOf(output.substring(0, 400000)) == 3',
  joined: 'output.split("").join(output) == "a"',
  durations: 'duration(output) > duration("1s")',
  bytes: 'bytes(output).size() == 1',
};

/** Queries of a map. */
const QUERIES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ['upper(', ')'],
      ["concat('a', ", ')'],
      ['case when true then ', ' end'],
      ["replace('a', 'b', ", ')'],
      ['sum(', ') over ()'],
      ['(', ')::text'],
    ].map(([open = '', close = '']) => [
      `nested ${open}`,
      `select ${nest(400, open, "'a'", close)} as x`,
    ]),
  ),
  repeat: `select repeat('x', 1000000000) as x`,
  padding: `select lpad('x', 1000000000) as x`,
  'a wide format': `select format('%1000000000s', 'x') as x`,
  translate: `select translate(repeat('a', 900000), repeat('b', 900000), 'x') as x`,
  patterns: `select regexp_replace(repeat('ab', 400000), '(a*)*(b*)*c', 'x', 'g') as x`,
  'a long like': `select repeat('a', 900000) like '${long('%a', 400)}b' as x`,
  series: 'select count(*) as x from generate_series(1, 10000000000) as g',
  'rows of a series': 'select generate_series(1, 1000000000) as x',
  'all parts of a document': `select jsonb_path_query((select jsonb_agg(g) from generate_series(1, 90000) as g), '$.**.**.**') as x`,
  'a recursive query':
    'with recursive r (n) as (select 1 union all select n + 1 from r) select count(*) as x from r',
  'a query that doubles':
    "with recursive r (t) as (select 'x' union all select t || t from r) select max(length(t)) as x from r",
  'a long number': 'select 9.99::numeric ^ 100000 as x',
  'text search': `select to_tsvector('simple', repeat('ab cd ', 150000)) as x`,
};

/** Returns workflows that are expensive to run. */
export function workflowBodies(echo: string): HostileBody[] {
  const members = [
    { workflow: echo, role: 'a' },
    { ...WORKER, role: 'b' },
  ];
  const parts = Array.from({ length: 20 }, (_, n) => ({ ...WORKER, role: `r${n}` }));
  const map = (configuration: JsonObject) => ({ type: 'map', configuration, members: [WORKER] });
  const edges = (when: (n: number) => string): Json =>
    Array.from({ length: 200 }, (_, n) => ({ from: 'a', to: 'b', when: when(n) }));
  const texts = [long('a'), long('\u{1F469}\u200D', LONG / 4)];
  return [
    ...Object.entries(CONDITIONS).flatMap(([name, stop_when]) =>
      texts.map((message) =>
        workflow(
          `condition: ${name}`,
          { type: 'chain', configuration: { stop_when }, members },
          { message },
        ),
      ),
    ),
    ...Object.entries({
      'of one size': () => 'output.size() == 1',
      'of many sizes': (n: number) => `output.size() == ${n}`,
      'with loops': (n: number) => `output.split("").size() == ${n}`,
      'with patterns': (n: number) => `output.matches('^(a+)+${n}$')`,
    }).map(([name, when]) =>
      workflow(
        `200 edges ${name}`,
        { type: 'graph', configuration: { start: 'a', edges: edges(when) }, members },
        { message: long('a') },
      ),
    ),
    ...Object.entries(QUERIES).map(([name, query]) =>
      workflow(`query: ${name}`, map({ query }), {}),
    ),
    workflow('template: input × 900', map({ template: '{{input}}'.repeat(900) }), {
      message: long('y', 200_000),
      input_data: [1, 2, 3, 4, 5, 6, 7, 8],
    }),
    workflow('template: items × 1,000', map({ template: '{{item}}'.repeat(1_000) }), {
      input_data: Array.from({ length: 300 }, () => long('z', 3_000)),
    }),
    workflow('template: a long name', map({ template: `{{${long('a.', 8_000)}a}}` }), {
      input_data: [{ a: 1 }],
    }),
    workflow(
      'template: answers × 600',
      {
        type: 'parallel',
        configuration: { template: '{{r0}}{{outputs}}'.repeat(600) },
        members: parts,
      },
      { message: long('q', 100_000) },
    ),
    workflow(
      '20 members of a long task',
      { type: 'parallel', members: parts },
      { message: texts[0] ?? '' },
    ),
    workflow(
      'a prompt × 500',
      { type: 'chain', members: [{ question: { prompt: '{{input}}'.repeat(500) }, role: 'q' }] },
      { message: texts[0] ?? '' },
    ),
  ];
}

/** Returns inbound hooks whose expressions are expensive over their body. */
export function hookBodies(): HostileBody[] {
  const hook = (shape: string, condition: string, body: JsonObject): HostileBody => ({
    shape: `hook: ${shape}`,
    text: JSON.stringify({ condition, body }),
  });
  return [
    hook(
      'loops in loops',
      'body.l.map(a, body.l.map(b, body.l.map(c, 1).size()).size()).size() == 3',
      {
        l: Array.from({ length: 600 }, (_, n) => n),
      },
    ),
    hook('a pattern that backtracks', `body.s.matches('^(a+)+$')`, { s: `${long('a')}!` }),
    hook(
      'sizes',
      many(300, () => 'body.s.size() == 1', ' || '),
      { s: long('\u{1F469}', LONG / 4) },
    ),
    hook(
      'many names',
      'body.k5 == 1',
      Object.fromEntries(Array.from({ length: 90_000 }, (_, n) => [`k${n}`, n])),
    ),
    hook('combining marks', `body.s == 'x'`, { s: long('\u0316\u0301', LONG / 2) }),
  ];
}
