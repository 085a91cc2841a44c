import { stripVTControlCharacters, styleText } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { ObservedRun, RunObserver } from '../../src/contracts/runs/run-observer.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createLogRedaction } from '../../src/telemetry/log-redaction.ts';
import { logRuns } from '../../src/telemetry/run-log.ts';
import { finish } from '../support/work/finish.ts';

const SECRETS = ['correct-horse-"battery"', 'pa ss/word+1'];

function logged(
  write: (log: ReturnType<typeof createLog>) => void,
  options: { logFormat?: 'json' | 'pretty'; isTty?: boolean; logLevel?: 'info' | 'debug' } = {},
): string {
  const lines: string[] = [];
  const { logFormat, isTty = false, logLevel = 'info' } = options;
  const redaction = createLogRedaction(SECRETS);
  const sink = { write: (line: string) => lines.push(line) };
  write(createLog({ logLevel, logFormat, isTty, isColoured: isTty, redaction }, sink));
  return lines.join('');
}

test('a line is one JSON object, at the requested level', () => {
  const text = logged((log) => {
    log.debug('nobody asked for this');
    log.info({ execution_id: 'e1', tenant_id: 't1' }, 'a run has failed');
  });
  expect(text.split('\n')).toHaveLength(2);
  expect(JSON.parse(text)).toMatchObject({
    level: 30,
    pid: process.pid,
    execution_id: 'e1',
    tenant_id: 't1',
    msg: 'a run has failed',
  });
});

/**
 * Secrets in an external error: in its message, its cause, its fields, and the text of a request.
 */
const PLANTED = [
  ...SECRETS,
  ...SECRETS.map(encodeURIComponent),
  'sk-proj-4fk39dk2k4h5g6j7k8l9',
  'ghp_abcdefghij0123456789abcdefghij012345',
  'AKIAIOSFODNN7EXAMPLE',
  'AIzaSyA1234567890abcdefghijklmnopqrstuvw',
  'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLWl0',
];

test.each(['json', 'pretty'] as const)(
  'a key planted in an error appears in no line, in %s',
  (logFormat) => {
    for (const key of PLANTED) {
      const cause = Object.assign(new Error(`401 for Bearer ${key}`), {
        headers: { authorization: key },
      });
      const error = Object.assign(new Error(`no answer with ${key}`, { cause }), {
        detail: `(key)=(${key})`,
      });
      const text = logged(
        (log) => log.error({ err: error, body: { api_key: key } }, `failed: ${key}`),
        {
          logFormat,
        },
      );
      expect(text).toContain('***');
      for (const spelling of [key, JSON.stringify(key).slice(1, -1)]) {
        expect(text, key).not.toContain(spelling);
      }
      if (logFormat === 'json') expect(JSON.parse(text).msg).toContain('failed: ');
    }
  },
);

test('a password in a URL, a key in a query and secret fields are redacted; plain words are not', () => {
  const text = logged((log) =>
    log.warn(
      {
        url: 'postgres://howdah:hunter2hunter@db.example/howdah',
        next: 'https://api.example/v1?api_key=abcdef123456&page=2',
        headers: { 'x-api-key': 'a plain word', cookie: 'session=1' },
        max_tokens: 4000,
        prompt_tokens: 12,
      },
      'the bearer of news asked for max_tokens and sk-learn',
    ),
  );
  const line = JSON.parse(text);
  expect(line).toMatchObject({
    url: 'postgres://howdah:***@db.example/howdah',
    next: 'https://api.example/v1?api_key=***&page=2',
    headers: { 'x-api-key': '***', cookie: '***' },
    max_tokens: 4000,
    prompt_tokens: 12,
    msg: 'the bearer of news asked for max_tokens and sk-learn',
  });
});

test.each([
  ['a bearer token after a lower-case header name', 'sent authorization bearer abcdefgh12345678'],
  ['a header within a text', 'sent\nX-Api-Key: abcdefgh12345678'],
  ['another scheme in a header', 'sent Authorization: Token abcdefgh12345678'],
  ['a cookie within a text', 'sent Cookie: a=1; session=abcdefgh12345678'],
  ['a password with an at sign', 'postgres://howdah:hunter@abcdefgh12345678@db.example/howdah'],
  ['a key as the user name of a URL', 'https://abcdefgh12345678@git.example/a.git'],
  ['the signature of a signed URL', 'https://s3.example/a?X-Amz-Signature=abcdefgh12345678'],
  ['a secret in a query string', 'https://api.example/a?x=1&client_secret=abcdefgh12345678'],
  ['a form field', 'grant_type=password; password=abcdefgh12345678'],
  ['JSON within a text', '{"clientSecret": "abcdefgh12345678"}'],
  ['JSON in JSON within a text', JSON.stringify('{"refresh_token":"abcdefgh12345678"}')],
])('%s is redacted', (_, text) => {
  expect(logged((log) => log.error(text))).not.toContain('12345678');
  expect(logged((log) => log.error({ err: new Error(text) }, 'x'))).not.toContain('12345678');
});

test('a value behind a quote or a backslash is redacted to its end', () => {
  const line = logged((log) => log.error({ password: 'a"b\\c-the-rest', token: 'x\ny-the-rest' }));
  expect(JSON.parse(line)).toMatchObject({ password: '***', token: '***' });
});

test('redacting a hostile line of 200,000 characters finishes', () => {
  const redaction = createLogRedaction([]);
  const parts = ['a', '"_', '\\', ' sk-', ' eyJ', 'eyJa.', 'a://', 'a://:', '&token=', 'Bearer '];
  const more = ['bearer a', '"token":"', '\\"', '":', '-', ' Cookie:', "'password", ' token=', '@'];
  for (const part of [...parts, ...more]) {
    const text = part.repeat(Math.ceil(200_000 / part.length));
    // Earlier patterns took a minute of processor time for half of this text.
    finish(() => redaction.clean(text));
    finish(() => redaction.clean(`"${text}`));
  }
});

test('a value learned while the process runs is redacted in every later line', () => {
  const redaction = createLogRedaction([]);
  const lines: string[] = [];
  const log = createLog(
    { logLevel: 'info', logFormat: 'json', isTty: false, isColoured: false, redaction },
    { write: (line: string) => lines.push(line) },
  );
  redaction.learn('plain-words-of-a-tenant');
  log.info('the server said: plain-words-of-a-tenant');
  expect(lines.join('')).toContain('the server said: ***');
});

test('the pretty format shows one line, in colors on a terminal, and the stack below', () => {
  const write = (log: ReturnType<typeof createLog>) =>
    log.error({ execution_id: '0198', err: new Error('it broke') }, 'a run was released');
  const plain = logged(write, { logFormat: 'pretty' });
  expect(plain).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} ERROR a run was released execution_id=0198\n {4}Error: it broke\n {4} +at /,
  );
  const onTerminal = logged(write, { isTty: true });
  const head = (text: string) => text.split('\n').slice(0, 2).join('\n').replace(/^\S+/, '');
  expect(onTerminal).not.toBe(stripVTControlCharacters(onTerminal));
  expect(head(stripVTControlCharacters(onTerminal))).toBe(head(plain));
  expect(logged(write)).toMatch(/^\{/); // no terminal: JSON
});

test('control characters of logged text do not reach the terminal', () => {
  const text = logged((log) => log.info({ name: 'a\u001b[2Jb\u202ec' }, 'x\u001b[31my\rz'), {
    logFormat: 'pretty',
  });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(text.replace(/\n$/, '')).not.toMatch(/[\u0000-\u001f\u202e]/);
});

describe('a failed run', () => {
  const fails = (log: ReturnType<typeof createLog>) => {
    const context = { execution_id: 'e1', root_execution_id: 'e1', tenant_id: 't1' };
    const definition = { agent: { name: 'support' } };
    const observed = { context, definition, isChild: false } as unknown as ObservedRun;
    const observer = logRuns(log)?.(observed);
    const error = { code: 'timeout' as const, message: 'no answer within 30 s', retryable: true };
    const to = { status: 'failed', stop_reason: 'error', error } as const;
    (observer as RunObserver).onCommit({ steps: [], to, status: 'failed' });
  };

  test('is a warning with its error', () => {
    expect(JSON.parse(logged(fails))).toMatchObject({
      ...{ level: 40, msg: 'a run has failed', execution_id: 'e1', agent: 'support' },
      error: { code: 'timeout', message: 'no answer within 30 s' },
    });
  });

  test('is one coloured line with its reason on a terminal', () => {
    const text = logged(fails, { isTty: true });
    const reason = 'a run has failed: no answer within 30 s (timeout)';
    expect(stripVTControlCharacters(text)).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} WARN {2}a run has failed: no answer within 30 s \(timeout\) execution_id=e1 .*\n$/,
    );
    expect(text).toContain(styleText('yellow', reason, { validateStream: false }));
  });
});
