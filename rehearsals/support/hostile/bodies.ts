import type { Json, JsonObject } from '../../../src/contracts/json.ts';

/** A request body made to hurt: its text, and what was done to which part of a good one. */
export type HostileBody = { what: string; text: string };

/** What stands around the long part of a body. */
const ENVELOPE_BYTES = 4_096;
/** Parts of one body that are made hostile; the others of a wide one look the same. */
const MOST_PLACES = 12;
const DEPTHS = [90, 2_000, 100_000];

/** What a long string repeats: each is hard for some reader (regular expressions, parsers, templates, terminals, collations). */
const PIECES = [
  ...['a', '(', '[', '{{', '\n', '\\', '"', '<', '&', '%41', '../', '*/1,', '- *a\n', '0', ' '],
  ...['\u202e', 'e\u0301', '\u{1F469}\u200D', 'a@', 'Aa1_', "';--", '\t- a: ', '||', '${'],
];

/** Strings that mean something to whoever reads them as an expression. */
const EXPRESSIONS: Record<string, (bytes: number) => Json[]> = {
  pattern: (bytes) => [
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '(a|'.repeat(bytes / 6),
    `${'a?'.repeat(500)}${'a'.repeat(500)}`,
  ],
  query: (bytes) => [
    nestedExists(Math.min(160, bytes / 120)),
    `select ${'1+'.repeat(bytes / 2)}1`,
    `select * from howdah.agents where name in (${"'a',".repeat(bytes / 4)}'a')`,
  ],
  cron: (bytes) => ['*/1,'.repeat(bytes / 4), '0-59/1 '.repeat(bytes / 8)],
  when: (bytes) => [
    `output.matches('^(a+)+$')`,
    `${'('.repeat(bytes / 2)}1${')'.repeat(bytes / 2)}`,
    `a${' || a'.repeat(bytes / 5)}`,
  ],
  template: (bytes) => ['{{a}}'.repeat(bytes / 5), '{{'.repeat(bytes / 2)],
};

/** JSON Schemas that are dear to compile, to check or to follow. */
const SCHEMAS = (bytes: number): Json[] => [
  {
    type: 'object',
    properties: keyed(Math.min(6_000, bytes / 80), (n) => ({
      type: 'string',
      pattern: `^(([a-z])+.)+[A-Z]([a-z])+${n}$`,
    })),
  },
  { type: 'object', properties: { a: { enum: Array.from({ length: bytes / 8 }, (_, n) => n) } } },
  { type: 'object', allOf: Array.from({ length: bytes / 20 }, () => ({ minProperties: 0 })) },
  {
    type: 'object',
    $defs: keyed(Math.min(2_000, bytes / 80), (n) => ({
      anyOf: [{ $ref: `#/$defs/k${n + 1}` }, { $ref: `#/$defs/k${n + 2}` }],
    })),
    $ref: '#/$defs/k0',
  },
];
const SCHEMA_NAMES = /^(parameters|schema|output_schema|outputSchema|inputSchema|json_schema)$/;

export type Path = readonly (string | number)[];

/** A body that is let in, and the part of it that is made hostile, with all below that. */
export type GoodBody = { body: Json; at: Path };

/**
 * Bodies of at most `bytes` made out of a good one: each of its parts wide, deep, long, repeated and ambiguous. `seed`
 * chooses which of the long strings a part gets, so that over all doors each is tried.
 */
export function* hostileBodies(
  { body: good, at: from }: GoodBody,
  bytes: number,
  seed = 0,
): Generator<HostileBody> {
  const room = bytes - ENVELOPE_BYTES - JSON.stringify(good).length;
  if (room <= 0) throw new Error('the good body leaves no room for anything hostile');
  if (from.length === 0) yield* wholeBodies(room);
  const places = pathsOf(valueAt(good, from), from);
  for (const [index, path] of places.slice(0, MOST_PLACES).entries()) {
    const at = `/${path.join('/')}`;
    for (const [what, value] of valuesFor(path, valueAt(good, path), room, seed + index)) {
      yield { what: `${what} at ${at}`, text: JSON.stringify(replaced(good, path, value)) };
    }
    for (const depth of DEPTHS) {
      if (depth * 2 > room) continue;
      const deep = '['.repeat(depth) + ']'.repeat(depth);
      yield { what: `${depth} lists deep at ${at}`, text: withText(good, path, deep) };
      const keys = Math.min(depth, Math.floor(room / 6));
      const objects = `${'{"a":'.repeat(keys)}1${'}'.repeat(keys)}`;
      yield { what: `${keys} objects deep at ${at}`, text: withText(good, path, objects) };
    }
  }
}

/** Bodies that are no variation of anything. */
function* wholeBodies(room: number): Generator<HostileBody> {
  yield { what: 'lists without end', text: '['.repeat(room) };
  yield { what: 'a list of numbers', text: `[${'1,'.repeat(room / 2)}1]` };
  yield { what: 'a number of many digits', text: '9'.repeat(room) };
  yield { what: 'one key many times', text: `{${'"a":1,'.repeat(room / 6)}"a":1}` };
  yield { what: 'a string of escapes', text: `"${'\\u0000'.repeat(room / 6)}"` };
  yield { what: 'white space', text: `${' '.repeat(room)}{}` };
  const levels = Math.min(5_000, room / 14);
  yield {
    what: '__proto__ deep',
    text: `${'{"__proto__":'.repeat(levels)}1${'}'.repeat(levels)}`,
  };
}

function* valuesFor(
  path: Path,
  value: Json,
  room: number,
  seed: number,
): Generator<[what: string, value: Json]> {
  const name = String(path.findLast((key) => typeof key === 'string') ?? '');
  if (typeof value === 'string' || value === null) {
    for (let n = 0; n < 3; n += 1) {
      const piece = PIECES[(seed * 3 + n) % PIECES.length] ?? 'a';
      const inJson = Buffer.byteLength(JSON.stringify(piece)) - 2;
      yield [`${JSON.stringify(piece)} repeated`, piece.repeat(room / inJson)];
    }
    for (const one of EXPRESSIONS[name]?.(room) ?? []) yield ['an expression', one];
  }
  if (typeof value === 'number') {
    yield ['1e308', 1e308];
    yield ['-1', -1];
  }
  if (Array.isArray(value)) {
    const [first = 'x'] = value;
    const size = JSON.stringify(first).length + 1;
    yield ['its item repeated', Array.from({ length: room / size }, () => first)];
    yield ['numbers', Array.from({ length: room / 2 }, () => 1)];
    yield ['empty objects', Array.from({ length: room / 3 }, () => ({}))];
    yield ['different strings', Array.from({ length: room / 10 }, (_, n) => `s${n}`)];
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const keys = Math.floor(room / 14);
    yield ['many keys', { ...value, ...keyed(keys, () => 1) }];
    const [known = 'message'] = Object.keys(value);
    const alike = Math.floor(room / (known.length + 12));
    yield ['keys like its own', { ...value, ...keyed(alike, () => 1, known.slice(0, -1)) }];
    if (SCHEMA_NAMES.test(name)) {
      for (const one of SCHEMAS(room)) yield ['a JSON Schema', one];
    }
  }
}

/** Every part of a value with its path, the whole first. */
function pathsOf(value: Json, path: Path = []): Path[] {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return [
    path,
    ...entries.flatMap(([key, one]) =>
      pathsOf(one as Json, [...path, Array.isArray(value) ? Number(key) : key]),
    ),
  ];
}

function valueAt(value: Json, path: Path): Json {
  return path.reduce<Json>((at, key) => (at as JsonObject)[key as string] ?? null, value);
}

function replaced(value: Json, path: Path, by: Json): Json {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  const copy: Json = Array.isArray(value) ? [...value] : { ...(value as JsonObject) };
  (copy as JsonObject)[key as string] = replaced(
    (copy as JsonObject)[key as string] ?? null,
    rest,
    by,
  );
  return copy;
}

const HERE = '\u2603 the hostile part \u2603';

/** The body with a text in the place of one part: JSON.stringify has no room for what is this deep. */
function withText(value: Json, path: Path, text: string): string {
  return JSON.stringify(replaced(value, path, HERE)).replace(JSON.stringify(HERE), () => text);
}

function keyed(count: number, value: (n: number) => Json, prefix = 'k'): JsonObject {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`${prefix}${n}`, value(n)]));
}

/** A query whose planning takes memory in the square of its levels. */
function nestedExists(levels: number): string {
  let query = 'select 1';
  for (let n = levels; n > 0; n -= 1) {
    query = `select 1 from agents a${n} where exists (select 1 from executions e${n} where e${n}.agent_id = a${n}.id and exists (${query}))`;
  }
  return query;
}

/** YAML that is dear to read. */
export function* hostileYaml(bytes: number): Generator<HostileBody> {
  const room = bytes - ENVELOPE_BYTES;
  yield { what: 'aliases of one anchor', text: `a: &a 1\nb:\n${'- *a\n'.repeat(room / 5)}` };
  yield {
    what: 'anchors',
    text: Array.from({ length: room / 16 }, (_, n) => `k${n}: &a${n} 1`).join('\n'),
  };
  yield {
    what: 'different keys',
    text: Array.from({ length: room / 10 }, (_, n) => `k${n}:`).join('\n'),
  };
  yield { what: 'one key many times', text: 'a: 1\n'.repeat(room / 5) };
  yield { what: 'flow lists deep', text: '['.repeat(room / 2) };
  yield { what: 'block lists deep', text: '- '.repeat(room / 2) };
  yield {
    what: 'indented deep',
    text: Array.from({ length: Math.sqrt(2 * room) - 2 }, (_, n) => `${' '.repeat(n)}a:`).join(
      '\n',
    ),
  };
  yield {
    what: 'doubling aliases',
    text: Array.from(
      { length: 60 },
      (_, n) => `a${n}: &a${n} [${n > 0 ? `*a${n - 1}, *a${n - 1}` : '1'}]`,
    ).join('\n'),
  };
  yield { what: 'comments', text: '# a\n'.repeat(room / 4) };
  yield { what: 'open quotes', text: 'a: "b\n'.repeat(room / 6) };
  yield { what: 'documents', text: '---\n'.repeat(room / 4) };
  yield { what: 'tags', text: Array.from({ length: room / 20 }, () => '- !!binary x').join('\n') };
  yield { what: 'merge keys', text: `a: &a {b: 1}\n${'c:\n  <<: *a\n'.repeat(room / 13)}` };
}
