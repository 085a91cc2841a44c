import { describe, expect, test } from 'vitest';
import type { Resource } from '../../../src/contracts/agents/resource.ts';
import type { Outcome } from '../../../src/contracts/errors.ts';
import type { Message } from '../../../src/contracts/runs/message.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import {
  cachedLoader,
  type LoadResource,
  MAX_ATTACHMENTS_BYTES,
  MAX_TEXT_BYTES,
  resolveParts,
} from '../../../src/runtime/messages/resolve-attachments.ts';

function file(type: string, content: string | Buffer, name = 'f'): Resource {
  const is_text = type.startsWith('text/');
  return { name, type, is_text, bytes: Buffer.from(content), sha256: '' };
}

/** Returns a loader that reads from a table and records the requested ids. */
function createLoader(files: Record<string, Resource>): {
  load: LoadResource;
  requestedIds: string[];
} {
  const requestedIds: string[] = [];
  const load: LoadResource = async (id) => {
    requestedIds.push(id);
    const value = files[id];
    return value
      ? { ok: true, value }
      : {
          ok: false,
          error: {
            code: 'invalid_request',
            message: `there is no resource ${id}`,
            retryable: false,
          },
        };
  };
  return { load, requestedIds };
}

const resource = (resource_id: string): JsonObject => ({ type: 'resource', resource_id });
const userMessage = (...parts: JsonObject[]): Message => ({ role: 'user', content: 'look', parts });

async function partsOf(files: Record<string, Resource>, ...parts: JsonObject[]) {
  const outcome = await resolveParts([userMessage(...parts)], createLoader(files).load);
  return outcome.ok ? outcome.value[0]?.parts : outcome;
}

function errorOf(outcome: unknown): string {
  return (outcome as Extract<Outcome<never>, { ok: false }>).error.message;
}

describe('parts', () => {
  test('that are resources get the form that models accept, by media type', async () => {
    const files = {
      image: file('image/png', 'png'),
      text: file('text/csv; charset=utf-8', 'a,ü', 'figures.csv'),
      pdf: file('application/pdf', 'pdf', 'a.pdf'),
    };
    expect(await partsOf(files, resource('image'), resource('text'), resource('pdf'))).toEqual([
      { type: 'image_url', image_url: { url: 'data:image/png;base64,cG5n' } },
      { type: 'text', text: 'File figures.csv:\n\na,ü' },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,cGRm' } },
    ]);
  });

  test('that are not resources, and messages without parts, are unchanged', async () => {
    const { load, requestedIds } = createLoader({});
    const messages = [
      { role: 'system', content: 's' } as const,
      userMessage({ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }),
    ];
    const outcome = await resolveParts(messages, load);
    expect(outcome).toEqual({ ok: true, value: messages });
    expect(requestedIds).toEqual([]);
  });

  test('that cannot be loaded fail the request', async () => {
    expect(await partsOf({}, resource('gone'))).toMatchObject({
      ok: false,
      error: { code: 'invalid_request', message: 'there is no resource gone', retryable: false },
    });
  });

  test('that cannot be loaded in an earlier turn become a remark', async () => {
    const [past, now] = [userMessage(resource('gone')), userMessage({ type: 'text', text: 'x' })];
    const outcome = await resolveParts([past, now], createLoader({}).load, (one) => one === past);
    expect(outcome).toMatchObject({
      ok: true,
      value: [
        {
          parts: [
            {
              type: 'text',
              text: '[a file of this message is left out: there is no resource gone]',
            },
          ],
        },
        now,
      ],
    });
  });

  test('that fail temporarily are requested again, in an earlier turn as well', async () => {
    const past = userMessage(resource('a'));
    const error = { code: 'invalid_request', message: 'busy', retryable: true } as const;
    expect(
      await resolveParts(
        [past],
        async () => ({ ok: false, error }),
        () => true,
      ),
    ).toEqual({
      ok: false,
      error,
    });
  });

  test('of text that is not UTF-8 or too large are rejected by name', async () => {
    const latin = file('text/plain', Buffer.from([0xfc]), 'latin.txt');
    expect(errorOf(await partsOf({ latin }, resource('latin')))).toBe(
      'the file latin.txt has a text type, but its bytes are not UTF-8',
    );
    const large = file('text/plain', 'x'.repeat(MAX_TEXT_BYTES + 1), 'large.txt');
    expect(errorOf(await partsOf({ large }, resource('large')))).toMatch(
      /^the file large\.txt has 1048577 bytes of text, at most 1048576 go into a request/,
    );
  });

  test('share a size limit, and parts beyond it are not even read', async () => {
    const half = file('image/png', Buffer.alloc(MAX_ATTACHMENTS_BYTES / 2), 'half');
    const { load, requestedIds } = createLoader({ half, more: file('image/png', 'x', 'more') });
    const parts = ['half', 'half', 'more', 'never'].map(resource);
    const outcome = await resolveParts([userMessage(...parts)], load);
    expect(errorOf(outcome)).toContain('bytes in total; more exceeds this limit');
    expect(requestedIds).toEqual(['half', 'half', 'more']);
  });
});

describe('a loaded attachment', () => {
  test('is not loaded again for the same run, but for another one', async () => {
    const { load, requestedIds } = createLoader({ a: file('text/plain', 'a') });
    const [one, other] = [{}, {}];
    for (const owner of [one, one, other]) {
      expect(await cachedLoader(owner, load)('a')).toMatchObject({ ok: true });
    }
    expect(requestedIds).toEqual(['a', 'a']);
  });

  test('is requested again after a failure', async () => {
    const files: Record<string, Resource> = {};
    const { load } = createLoader(files);
    const owner = {};
    expect((await cachedLoader(owner, load)('a')).ok).toBe(false);
    files.a = file('text/plain', 'a');
    expect((await cachedLoader(owner, load)('a')).ok).toBe(true);
  });
});
