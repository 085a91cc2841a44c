import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/json/json.ts';
import { importOpenApi, type OpenApiOptions } from '../../../src/systems/openapi/import.ts';
import { writeFile } from '../../../src/systems/write-file.ts';
import { testDatabase } from '../../support/database.ts';
import { newTenant } from '../support.ts';

const FILE = 'test/fixtures/openapi/library.yaml';
const library = readFileSync(FILE, 'utf8');
const imported = (options?: OpenApiOptions, text = library) => importOpenApi(FILE, text, options);
const toolsOf = (options?: OpenApiOptions, text?: string) =>
  imported(options, text).document.tools as Record<string, JsonObject>;

const database = testDatabase();

/** Applies a system to a new tenant that has the secrets of the system. */
async function apply(system: ReturnType<typeof imported>) {
  const tenant = await newTenant(database.pool);
  for (const { secret_name } of system.secrets) {
    await tenant.all(
      `insert into howdah.secrets (tenant_id, name, fingerprint) values ($1, $2, '')`,
      tenant.tenant,
      secret_name,
    );
  }
  await tenant.apply(writeFile(system.document));
  return tenant;
}

describe('an operation', () => {
  test('that only reads becomes a tool without approval, with its arguments in place', () => {
    expect(toolsOf().listBooks).toEqual({
      kind: 'http',
      description: 'Lists books.',
      effect: 'pure',
      parameters: {
        type: 'object',
        properties: {
          author: { type: ['string', 'null'] },
          filter_year_: { type: 'integer', exclusiveMinimum: 1450, description: 'Of which year.' },
          tags: { type: 'array', items: { type: 'string' } },
        },
        additionalProperties: false,
      },
      configuration: {
        method: 'GET',
        url: 'https://api.library.example/v2/books',
        arguments: {
          filter_year_: { name: 'filter[year]' },
          tags: { style: 'pipeDelimited' },
        },
        secrets: {
          authorization: {
            secret_name: 'city-library_token',
            hosts: ['api.library.example'],
            prefix: 'Bearer ',
          },
        },
      },
    });
  });

  test('that writes requires approval and runs once; its arguments omit read-only properties', () => {
    const { addBook } = toolsOf();
    expect(addBook).toMatchObject({
      effect: 'once',
      requires_approval: true,
      description: 'POST /books',
    });
    expect(addBook?.parameters).toEqual({
      type: 'object',
      properties: { title: { type: 'string' }, author: { $ref: '#/$defs/Author' } },
      required: ['title'],
      additionalProperties: false,
      $defs: { Author: { type: 'object', properties: { name: { type: ['string', 'null'] } } } },
    });
    expect(toolsOf({ approval: false }).addBook).not.toHaveProperty('requires_approval');
  });

  test('distinguishes arguments of one name by their location', () => {
    const { replaceBook } = toolsOf();
    expect(replaceBook).toMatchObject({ effect: 'idempotent', requires_approval: true });
    expect(
      Object.keys((replaceBook as { parameters: JsonObject }).parameters.properties as JsonObject),
    ).toEqual(['book-id', 'title', 'body_title', 'author']);
    expect(replaceBook?.configuration).toMatchObject({
      url: 'https://api.library.example/v2/books/{book-id}',
      arguments: { title: { in: 'query' }, body_title: { name: 'title' } },
    });
  });

  test('has a short form of a name above 64 characters, which no other operation has', () => {
    const long = 'list_all_books_of_the_library_that_were_lent_in_the_last_twelve_months';
    const text = JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'Long', version: '1' },
      servers: [{ url: 'https://api.example.org' }],
      paths: {
        '/a': { get: { operationId: `${long}_a`, responses: {} } },
        '/b': { get: { operationId: `${long}_b`, responses: {} } },
      },
    });
    const names = Object.keys(importOpenApi('long.json', text).document.tools as JsonObject);
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^list_all_books_[a-z_]+_[0-9a-f]{8}$/);
    for (const name of names) expect(name).toHaveLength(64);
  });

  test('has its tags as capabilities, each once and only if they are short texts', () => {
    const tags = ['books', ' lending ', 'books', '', 7, 'x'.repeat(65), 'a\nb'];
    const text = JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'Tagged', version: '1' },
      servers: [{ url: 'https://api.example.org' }],
      paths: {
        '/books': { get: { operationId: 'tagged', tags, responses: {} } },
        '/all': { get: { operationId: 'bare', tags: 'books', responses: {} } },
      },
    });
    const { tagged, bare } = toolsOf(undefined, text);
    expect(tagged?.capabilities).toEqual(['books', 'lending']);
    expect(bare).not.toHaveProperty('capabilities');
  });

  test('is named by its operationId, else by method and path, and may need no key', () => {
    const { books_get, delete_books_book_id } = Object.fromEntries(
      Object.entries(toolsOf()).map(([name, tool]) => [name.replaceAll('-', '_'), tool]),
    );
    expect(books_get?.configuration).not.toHaveProperty('secrets');
    expect(delete_books_book_id).toMatchObject({
      description: 'Deprecated.\n\nTakes a book away.',
      configuration: { secrets: { authorization: { prefix: 'Basic ' } } },
    });
  });

  test('supports a form, a key in its own header, and recursive schemas', () => {
    const { search, plant } = toolsOf();
    expect(search?.configuration).toMatchObject({
      content_type: 'application/x-www-form-urlencoded',
      secrets: { 'x-api-key': { secret_name: 'city-library_key' } },
    });
    expect(plant).toMatchObject({
      parameters: {
        properties: { body: { $ref: '#/$defs/Tree' } },
        $defs: { Tree: { properties: { branches: { items: { $ref: '#/$defs/Tree' } } } } },
      },
      configuration: { body: 'body' },
    });
    expect(plant?.parameters).not.toHaveProperty('required');
  });
});

describe('an import', () => {
  test('reports what has no counterpart, with its line', () => {
    const { notes, document, secrets } = imported();
    expect(notes.map(({ line, message }) => `${line} ${message}`)).toEqual([
      expect.stringMatching(/^\d+ OPTIONS \/books\/\{book-id\} is left out/),
      expect.stringMatching(/^16 session is left out: a cookie/),
      expect.stringMatching(
        /^\d+ PUT \/books\/\{book-id\}\/cover is left out: its body is image\/png/,
      ),
      expect.stringMatching(/^\d+ requests are sent without a key: cookie \(apikey cookie\)/),
    ]);
    expect(Object.keys(document.tools as object)).not.toContain('putCover');
    expect(document).toMatchObject({ name: 'city-library', description: 'City Library 2.1' });
    expect(secrets.map(({ secret_name, value }) => [secret_name, value])).toEqual([
      ['city-library_token', 'the token'],
      ['city-library_user', 'base64 of user:password'],
      ['city-library_key', 'the key'],
    ]);
  });

  test('applies its options: names, a prefix, a server, secrets', () => {
    const { document, secrets } = imported({
      only: ['list*', 'addBook'],
      prefix: 'lib_',
      name: 'library',
      server: 'http://127.0.0.1:9999/',
      secrets: { token: 'mine' },
    });
    expect(document).toMatchObject({
      name: 'library',
      tools: {
        lib_listBooks: {
          configuration: {
            url: 'http://127.0.0.1:9999/books',
            secrets: { authorization: { secret_name: 'mine', hosts: ['127.0.0.1:9999'] } },
          },
        },
        lib_addBook: {},
      },
    });
    expect(secrets).toHaveLength(1);
    expect(() => imported({ only: ['listBook'] })).toThrow(
      /no such operation, did you mean listBooks\?/,
    );
  });

  test('can be applied in full, and its export applies without changes', async () => {
    const tenant = await apply(imported());
    const exported = await tenant.export('city-library');
    const again = await tenant.apply(exported as object);
    expect(again.objects.filter(({ action }) => action !== 'unchanged')).toEqual([]);
    expect(Object.keys(exported.tools as object)).toHaveLength(7);
  });

  test.each<[string, RegExp]>([
    ['{"swagger": "2.0", "paths": {}}', /library\.yaml:1:\d+: this is Swagger 2\.0/],
    ['{"openapi": "3.2.0", "paths": {}}', /this version is not supported/],
    ['hello', /this version is not supported/],
    ['openapi: 3.1.0\ninfo: {', /library\.yaml:\d+:\d+: /],
    ['{"openapi": "3.1.0"}', /paths is missing/],
    [
      '{"openapi": "3.1.0", "paths": {"/a": {"get": {}}}}',
      /the server is missing: "\/" is not the URL/,
    ],
    [
      library.replace('operationId: addBook', 'operationId: listBooks'),
      /library\.yaml:\d+:\d+: listBooks is already the name of GET \/books/,
    ],
    [
      library.replace('$ref: "#/components/schemas/Author"', '$ref: "#/components/schemas/Autor"'),
      /#\/components\/schemas\/Autor does not exist/,
    ],
  ])('of %j is rejected with its place', (text, words) => {
    let thrown: unknown;
    try {
      imported({}, text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'HWINV', message: expect.stringMatching(words) });
  });

  test('follows no reference out of the file, and terminates on cycles', () => {
    const text = JSON.stringify({
      openapi: '3.1.0',
      servers: [{ url: 'https://x.example' }],
      paths: {
        '/a': { get: { operationId: 'a', parameters: [{ $ref: 'https://evil.example/p.json' }] } },
        '/b': { $ref: './other.yaml#/b' },
        '/c': {
          post: {
            operationId: 'c',
            requestBody: {
              required: true,
              content: { 'application/json': { schema: { $ref: '#/components/schemas/Round' } } },
            },
          },
        },
      },
      components: {
        schemas: {
          Round: { $ref: '#/components/schemas/Again' },
          Again: { $ref: '#/components/schemas/Round' },
        },
      },
    });
    const { document, notes } = imported({}, text);
    expect(Object.keys(document.tools as object)).toEqual(['c']);
    expect(notes.map(({ message }) => message)).toEqual([
      '/b is left out: its description is in another file or missing',
      expect.stringContaining('GET /a is left out'),
    ]);
  });
});

/** Returns a description with these operations, and one request for each. */
function described(paths: object, more: object = {}) {
  const servers = [{ url: 'https://api.example.org/v1' }];
  return JSON.stringify({ openapi: '3.1.0', servers, paths, ...more });
}
const get = (operationId: string, ...parameters: object[]) => ({
  get: { operationId, parameters },
});
const query = (name: string, schema: object) => ({ name, in: 'query', schema });

describe('a hostile description', () => {
  test.each([
    'evil.example/x',
    '.evil.example',
    '@evil.example/',
    ':8443/',
    '',
    '/../../admin',
    '/a/{p}/../b',
  ])('reaches no other host or place by the path %j', (path) => {
    const p = { name: 'p', in: 'path', schema: {} };
    const text = described({ [path]: get('a', p), '/fine': get('fine') });
    const { document, notes } = imported({}, text);
    expect(Object.keys(document.tools as object)).toEqual(['fine']);
    expect(notes.map(({ message }) => message)).toEqual([
      expect.stringContaining('is left out: its path does not begin with /'),
    ]);
  });

  test.each(['#/%', '#/%zz/a'])('with the dangling reference %j is reported', (ref) => {
    const text = described({
      '/a': get('a', { $ref: ref }),
      '/b': get('b', query('x', { $ref: ref })),
    });
    const { document, notes } = imported({}, text);
    expect(document.tools).toMatchObject({ b: { parameters: { properties: { x: {} } } } });
    expect(notes.map(({ message }) => message)).toEqual([
      expect.stringContaining('GET /a is left out'),
      `any value is accepted for ${JSON.stringify(ref)}, which is in another file`,
    ]);
  });

  test('with references to files and servers in schemas is reported once, and none is followed', () => {
    const ref = { $ref: 'file:///etc/passwd' };
    const text = described({ '/a': get('a', query('x', ref), query('y', ref)) });
    const { document, notes } = imported({}, text);
    expect(document.tools).toMatchObject({ a: { parameters: { properties: { x: {}, y: {} } } } });
    expect(notes).toEqual([
      expect.objectContaining({
        line: 1,
        message: 'any value is accepted for "file:///etc/passwd", which is in another file',
      }),
    ]);
  });

  test('with schemas that double at each reference yields no tool for them', () => {
    const bomb = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [
        `n${at}`,
        { allOf: Array(2).fill({ $ref: `#/components/schemas/n${at + 1}` }) },
      ]),
    );
    const components = { schemas: { ...bomb, n40: { type: 'string' } } };
    const first = query('x', { $ref: '#/components/schemas/n0' });
    const text = described({ '/a': get('a', first), '/b': get('b') }, { components });
    const { document, notes } = imported({}, text);
    expect(Object.keys(document.tools as object)).toEqual(['b']);
    expect(notes[0]?.message).toContain('GET /a is left out: its parameters are recursive');
  });

  test('cannot inject a header', () => {
    const header = (name: string, required: boolean) => ({
      name,
      in: 'header',
      required,
      schema: {},
    });
    const text = described(
      {
        '/a': get('a', header('x\r\ny: z', true)),
        '/b': get('b', header('x y', false), header('transfer-encoding', false)),
      },
      {
        security: [{ k: [] }],
        components: {
          securitySchemes: { k: { type: 'apiKey', in: 'header', name: 'Content-Length' } },
        },
      },
    );
    const { document, notes } = imported({}, text);
    expect(document.tools).toEqual({
      b: expect.objectContaining({
        configuration: { method: 'GET', url: 'https://api.example.org/v1/b' },
      }),
    });
    expect(notes.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^GET \/a is left out: it needs x\r\ny: z, which is not a header/),
      expect.stringMatching(/^x y is left out: which is not a header/),
      expect.stringMatching(
        /^requests are sent without a key: k .* is not a header that may be sent$/,
      ),
    ]);
  });

  test('passes a model no text that a reader does not see', () => {
    const hidden = 'Gives the weather.\u200b\u{e0041}\u{e0042}\u202e\u001b[8m';
    const text = described({
      '/a': {
        get: {
          operationId: 'a',
          summary: hidden,
          parameters: [
            {
              ...query('x', { type: 'object', properties: { y: { description: hidden } } }),
              description: hidden,
            },
          ],
        },
      },
    });
    const { document, notes } = imported({}, text);
    expect(JSON.stringify(document)).not.toMatch(/\u200b|\u202e|\\u001b|\u{e0041}/u);
    expect(document.tools).toMatchObject({ a: { description: 'Gives the weather.[8m' } });
    expect(notes.map(({ message }) => message)).toContain(
      'invisible characters in the description of a are left out',
    );
  });

  test.each<[string, string]>([
    [
      'it is nested too deep',
      `{"openapi": "3.1.0", "paths": ${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`,
    ],
    ['it is nested too deep', '['.repeat(100_000)],
    [
      'its aliases expand to too many values',
      `a: &a [x,x,x,x,x]\n${[...'bcdefg'].map((one, at) => `${one}: &${one} [${Array(9).fill(`*${'abcdef'[at]}`)}]`).join('\n')}`,
    ],
    ['an alias refers to a value that contains it', 'openapi: 3.1.0\npaths: &p {/a: {x: *p}}'],
  ])('is rejected in one line: %s', (message, text) => {
    expect(() => imported({}, text)).toThrow(
      expect.objectContaining({
        code: 'HWINV',
        message: expect.stringMatching(`^nothing was imported: [^\n]*:\\d+:\\d+: ${message}$`),
      }),
    );
  });

  test('without a usable operation is rejected', () => {
    expect(() => imported({}, described({ '/a': { trace: {} } }))).toThrow(
      /no operation can be used as a tool\n.*TRACE \/a is left out/,
    );
  });
});

const ASSETS = process.env.HOWDAH_TEST_ASSETS ?? '';
const OPENAI = join(ASSETS, 'openai-openapi/openai_subset.json');
const isThere = ASSETS !== '' && existsSync(OPENAI);
if (!isThere)
  console.info(
    'openai-openapi: skipped, HOWDAH_TEST_ASSETS does not name a folder with openai-openapi',
  );

describe.skipIf(!isThere)("OpenAI's own description", () => {
  test('is imported as tools that can be applied', async () => {
    const openai = importOpenApi('openai_subset.json', readFileSync(OPENAI, 'utf8'), {
      name: 'openai',
    });
    const tools = openai.document.tools as Record<string, JsonObject>;
    expect(Object.keys(tools).toSorted()).toEqual([
      'createChatCompletion',
      'createEmbedding',
      'createResponse',
      'deleteModel',
      'listChatCompletions',
      'listModels',
      'retrieveModel',
    ]);
    expect(tools.retrieveModel).toMatchObject({
      effect: 'pure',
      parameters: { required: ['model'] },
      configuration: { method: 'GET', url: 'https://api.openai.com/v1/models/{model}' },
    });
    expect(openai.notes.map(({ message }) => message)).toContainEqual(
      expect.stringContaining('ApiKeyAuth is not described'),
    );
    const tenant = await apply(openai);
    expect(
      await tenant.one(
        `select count(*)::int as n from howdah.tools where kind = 'http' and tenant_id = $1`,
        tenant.tenant,
      ),
    ).toEqual({ n: 7 });
  });
});
