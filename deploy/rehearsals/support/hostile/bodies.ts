import type { Json, JsonObject } from '../../../../src/json/json.ts';

/** A request body that is expensive to read: its shape, with the part that has it, and its text. */
export type HostileBody = { shape: string; text: string };

/** Room for the text around the long part of a body. */
const ENVELOPE_BYTES = 4_096;
/** Parts of one body that are replaced; further ones of a wide body are alike. */
const MAX_PARTS = 12;
const DEPTHS = [90, 2_000, 100_000];

/**
 * Pieces that a long string repeats. Each is hard for some reader: regular expressions, parsers,
 * templates, terminals, collations.
 */
const PIECES = [
  ...['a', '(', '[', '{{', '\n', '\\', '"', '<', '&', '%41', '../', '*/1,', '- *a\n', '0', ' '],
  ...['\u202e', 'e\u0301', '\u{1F469}\u200D', 'a@', 'Aa1_', "';--", '\t- a: ', '||', '${'],
];

/** Long expressions, by the name of the property that is read as one. */
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

/** JSON Schemas that are expensive to compile, to check or to resolve. */
const expensiveSchemas = (bytes: number): Json[] => [
  {
    type: 'object',
    properties: objectOf(Math.min(6_000, bytes / 80), (n) => ({
      type: 'string',
      pattern: `^(([a-z])+.)+[A-Z]([a-z])+${n}$`,
    })),
  },
  { type: 'object', properties: { a: { enum: Array.from({ length: bytes / 8 }, (_, n) => n) } } },
  { type: 'object', allOf: Array.from({ length: bytes / 20 }, () => ({ minProperties: 0 })) },
  {
    type: 'object',
    $defs: objectOf(Math.min(2_000, bytes / 80), (n) => ({
      anyOf: [{ $ref: `#/$defs/k${n + 1}` }, { $ref: `#/$defs/k${n + 2}` }],
    })),
    $ref: '#/$defs/k0',
  },
];
const SCHEMA_NAMES = /^(parameters|schema|output_schema|outputSchema|inputSchema|json_schema)$/;

export type Path = readonly (string | number)[];

/** A body that the server accepts, and the part of it that is replaced, with all below. */
export type BodyTemplate = { body: Json; path: Path };

/**
 * Makes bodies of at most `bytes` from a template: each of its parts wide, deep, long, repeated and
 * ambiguous. `seed` selects the long strings of a part, so that all endpoints together get each.
 */
export function* hostileBodies(
  { body, path: start }: BodyTemplate,
  bytes: number,
  seed = 0,
): Generator<HostileBody> {
  const room = bytes - ENVELOPE_BYTES - JSON.stringify(body).length;
  if (room <= 0) throw new Error(`a template leaves no room for a part in ${bytes} bytes`);
  if (start.length === 0) yield* wholeBodies(room);
  const paths = pathsOf(valueAt(body, start), start);
  for (const [index, path] of paths.slice(0, MAX_PARTS).entries()) {
    const pointer = `/${path.join('/')}`;
    for (const [shape, value] of valuesFor(path, valueAt(body, path), room, seed + index)) {
      const text = JSON.stringify(withValue(body, path, value));
      yield { shape: `${shape} at ${pointer}`, text };
    }
    for (const depth of DEPTHS) {
      if (depth * 2 > room) continue;
      const deep = '['.repeat(depth) + ']'.repeat(depth);
      yield { shape: `${depth} lists deep at ${pointer}`, text: withText(body, path, deep) };
      const keys = Math.min(depth, Math.floor(room / 6));
      const objects = `${'{"a":'.repeat(keys)}1${'}'.repeat(keys)}`;
      yield { shape: `${keys} objects deep at ${pointer}`, text: withText(body, path, objects) };
    }
  }
}

/** Makes bodies that need no template. */
function* wholeBodies(room: number): Generator<HostileBody> {
  yield { shape: 'unclosed lists', text: '['.repeat(room) };
  yield { shape: 'a list of numbers', text: `[${'1,'.repeat(room / 2)}1]` };
  yield { shape: 'a number of many digits', text: '9'.repeat(room) };
  yield { shape: 'one key many times', text: `{${'"a":1,'.repeat(room / 6)}"a":1}` };
  yield { shape: 'a string of escapes', text: `"${'\\u0000'.repeat(room / 6)}"` };
  yield { shape: 'white space', text: `${' '.repeat(room)}{}` };
  const levels = Math.min(5_000, room / 14);
  yield {
    shape: '__proto__ deep',
    text: `${'{"__proto__":'.repeat(levels)}1${'}'.repeat(levels)}`,
  };
}

/** Makes YAML of at most `bytes` that is expensive to read. */
export function* hostileYaml(bytes: number): Generator<HostileBody> {
  const room = bytes - ENVELOPE_BYTES;
  yield { shape: 'aliases of one anchor', text: `a: &a 1\nb:\n${'- *a\n'.repeat(room / 5)}` };
  yield {
    shape: 'anchors',
    text: Array.from({ length: room / 16 }, (_, n) => `k${n}: &a${n} 1`).join('\n'),
  };
  yield {
    shape: 'different keys',
    text: Array.from({ length: room / 10 }, (_, n) => `k${n}:`).join('\n'),
  };
  yield { shape: 'one key many times', text: 'a: 1\n'.repeat(room / 5) };
  yield { shape: 'flow lists deep', text: '['.repeat(room / 2) };
  yield { shape: 'block lists deep', text: '- '.repeat(room / 2) };
  yield {
    shape: 'indented deep',
    text: Array.from({ length: Math.sqrt(2 * room) - 2 }, (_, n) => `${' '.repeat(n)}a:`).join(
      '\n',
    ),
  };
  yield {
    shape: 'doubling aliases',
    text: Array.from(
      { length: 60 },
      (_, n) => `a${n}: &a${n} [${n > 0 ? `*a${n - 1}, *a${n - 1}` : '1'}]`,
    ).join('\n'),
  };
  yield { shape: 'comments', text: '# a\n'.repeat(room / 4) };
  yield { shape: 'open quotes', text: 'a: "b\n'.repeat(room / 6) };
  yield { shape: 'documents', text: '---\n'.repeat(room / 4) };
  yield { shape: 'tags', text: Array.from({ length: room / 20 }, () => '- !!binary x').join('\n') };
  yield { shape: 'merge keys', text: `a: &a {b: 1}\n${'c:\n  <<: *a\n'.repeat(room / 13)}` };
}

function* valuesFor(
  path: Path,
  value: Json,
  room: number,
  seed: number,
): Generator<[shape: string, value: Json]> {
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
    yield ['many keys', { ...value, ...objectOf(keys, () => 1) }];
    const [known = 'message'] = Object.keys(value);
    const alike = Math.floor(room / (known.length + 12));
    yield ['keys like its own', { ...value, ...objectOf(alike, () => 1, known.slice(0, -1)) }];
    if (SCHEMA_NAMES.test(name)) {
      for (const one of expensiveSchemas(room)) yield ['a JSON Schema', one];
    }
  }
}

/** Lists the paths of all parts of a value, that of the value itself first. */
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

/** Copies a value with another one at a path. */
function withValue(value: Json, path: Path, part: Json): Json {
  const [key, ...rest] = path;
  if (key === undefined) return part;
  const copy: Json = Array.isArray(value) ? [...value] : { ...(value as JsonObject) };
  (copy as JsonObject)[key as string] = withValue(
    (copy as JsonObject)[key as string] ?? null,
    rest,
    part,
  );
  return copy;
}

const PLACEHOLDER = '\u2603 the hostile part \u2603';

/** Serializes a value with a text at a path: JSON.stringify overflows its stack on deep values. */
function withText(value: Json, path: Path, text: string): string {
  return JSON.stringify(withValue(value, path, PLACEHOLDER)).replace(
    JSON.stringify(PLACEHOLDER),
    () => text,
  );
}

function objectOf(count: number, value: (n: number) => Json, prefix = 'k'): JsonObject {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`${prefix}${n}`, value(n)]));
}

/** Makes a query whose planning takes memory by the square of its levels. */
function nestedExists(levels: number): string {
  let query = 'select 1';
  for (let n = levels; n > 0; n -= 1) {
    query =
      `select 1 from agents a${n} where exists (select 1 from executions e${n}` +
      ` where e${n}.agent_id = a${n}.id and exists (${query}))`;
  }
  return query;
}
