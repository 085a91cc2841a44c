import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/json/json.ts';
import { httpRequestOf } from '../../src/tools/http-tool.ts';

const URL_OF = 'https://api.example.org:8443/repos/{owner}/{+path}';

function request(args: JsonObject, configuration: JsonObject): JsonObject {
  const outcome = httpRequestOf(args, configuration);
  if (!outcome.ok) throw new Error(outcome.error.message);
  return outcome.value.args;
}

describe('a request', () => {
  test('has its arguments where the tool configures them', () => {
    expect(
      request(
        {
          owner: 'a b/ü',
          path: 'docs/read me.md',
          per_page: 2,
          filter: { state: 'open' },
          since: 'x',
          title: 'T',
        },
        {
          url: URL_OF,
          method: 'POST',
          arguments: {
            per_page: { in: 'query' },
            filter: { in: 'query', style: 'deepObject' },
            since: { in: 'header', name: 'x-since' },
          },
        },
      ),
    ).toEqual({
      url: 'https://api.example.org:8443/repos/a%20b%2F%C3%BC/docs/read%20me.md?per_page=2&filter%5Bstate%5D=open',
      method: 'POST',
      headers: { 'x-since': 'x', 'content-type': 'application/json' },
      body: '{"title":"T"}',
    });
  });

  test.each<[JsonObject, JsonObject, string]>([
    [{ id: [1, 2] }, {}, '?id=1&id=2'],
    [{ id: [1, 2] }, { explode: false }, '?id=1%2C2'],
    [{ id: [1, 2] }, { style: 'pipeDelimited' }, '?id=1%7C2'],
    [{ id: [1, 2] }, { style: 'spaceDelimited' }, '?id=1+2'],
    [{ id: { a: 1, b: 2 } }, {}, '?a=1&b=2'],
    [{ id: { a: 1, b: 2 } }, { explode: false }, '?id=a%2C1%2Cb%2C2'],
    [{ id: null }, {}, ''],
    [{ id: false }, { name: 'filter[is]' }, '?filter%5Bis%5D=false'],
  ])('has %j in the query with %j', (args, place, query) => {
    const settings = { url: 'https://x.org/l', arguments: { id: { in: 'query', ...place } } };
    expect(request(args, settings)).toMatchObject({ url: `https://x.org/l${query}` });
  });

  test.each<[JsonObject, string, unknown]>([
    [
      { content_type: 'application/x-www-form-urlencoded' },
      'a=1&b=x+y',
      'application/x-www-form-urlencoded',
    ],
    [
      { content_type: 'application/merge-patch+json' },
      '{"a":1,"b":"x y"}',
      'application/merge-patch+json',
    ],
    [{ body: 'b' }, '"x y"', 'application/json'],
    [{ body: 'b', content_type: 'text/plain' }, 'x y', 'text/plain'],
  ])('has a body as configured by %j', (settings, body, type) => {
    const args: JsonObject = 'body' in settings ? { b: 'x y' } : { a: 1, b: 'x y' };
    expect(request(args, { url: 'https://x.org/', method: 'PATCH', ...settings })).toMatchObject({
      body,
      headers: { 'content-type': type },
    });
  });

  test('is limited to the host and method of the tool', () => {
    const outcome = httpRequestOf(
      { owner: 'a', path: 'b' },
      { url: URL_OF, method: 'PUT', secrets: {} },
    );
    expect(outcome).toMatchObject({
      ok: true,
      value: { configuration: { allow: ['api.example.org:8443'], methods: ['PUT'], secrets: {} } },
    });
  });

  test.each<JsonObject>([
    { owner: '..', path: 'x' },
    { owner: '.', path: 'x' },
    { owner: '', path: 'x' },
    { owner: 'a', path: '../../admin' },
    { owner: 'a', path: 'b/./c' },
    { owner: { a: 1 }, path: 'x' },
    { owner: [{}], path: 'x' },
    { path: 'x' },
    { owner: null, path: 'x' },
    { owner: '\ud800', path: 'x' },
  ])('is rejected for %j', (args) => {
    expect(httpRequestOf(args, { url: URL_OF })).toMatchObject({
      ok: false,
      error: { code: 'invalid_arguments', retryable: false },
    });
  });

  test('stays within the path of its URL, whatever the argument', () => {
    const settings = { url: 'https://api.example.org/a/{one}/z' };
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (one) => {
        const outcome = httpRequestOf({ one }, settings);
        if (!outcome.ok) return;
        const { host, pathname, search, hash } = new URL(String(outcome.value.args.url));
        expect({ host, search, hash }).toEqual({ host: 'api.example.org', search: '', hash: '' });
        expect(pathname.split('/')).toEqual(['', 'a', encodeURIComponent(one), 'z']);
      }),
      { numRuns: 1000 },
    );
  });
});
