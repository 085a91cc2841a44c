import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTool, type StartOptions, start } from '../../src/index.ts';
import { variablesOf } from '../../src/start-options.ts';

test.each<[string, object]>([
  ['databaseUrl', { databaseUrl: 'mysql://localhost/shop' }],
  ['databaseUrl', { databaseUrl: '' }],
  ['port', { port: '3000' }],
  ['port', { port: 70_000 }],
  ['port', { port: true }],
  ['host', { host: 'a host' }],
  ['auth', { auth: 'basic' }],
  ['concurrency', { concurrency: 0 }],
  ['concurrency', { concurrency: 1.5 }],
  ['logger', { logger: { info() {} } }],
  ['tools', { tools: {} }],
  ['tools', { tools: [{ name: 'parcel' }] }],
  ['hooks', { hooks: 'no' }],
  ['signal', { signal: new AbortController() }],
  ['env', { env: 'PORT=1' }],
  ['worker', { worker: 'yes' }],
])('start() rejects a wrong %s', async (option, options) => {
  await expect(start(options as StartOptions)).rejects.toMatchObject({
    code: 'HWINV',
    hint: expect.stringContaining(`Set ${option} to `),
    detail: { option },
  });
});

test('start() suggests the option that was meant', async () => {
  await expect(start({ databaseURL: 'postgres://x/y' } as StartOptions)).rejects.toMatchObject({
    code: 'HWINV',
    hint: 'Did you mean databaseUrl?',
    detail: { option: 'databaseURL' },
  });
});

test.each([null, 'postgres://x/y'])('start(%j) asks for an object', async (options) => {
  await expect(start(options as unknown as StartOptions)).rejects.toMatchObject({
    code: 'HWINV',
    message: 'the options of start() are not an object',
  });
});

test('defineTool() asks for parameters in zod', () => {
  const spec = { name: 'parcel', description: 'Where a parcel is.', run: () => null };
  expect(() => defineTool(spec as unknown as Parameters<typeof defineTool>[0])).toThrow(
    'the parameters of the tool parcel are not a zod object',
  );
});

test.each([
  [{ run: undefined }, 'the tool parcel has no function run'],
  [{ effect: 'pur' }, 'the tool parcel has the unknown effect pur'],
])('defineTool() refuses %j', (more, message) => {
  const run = () => null;
  const spec = { name: 'parcel', description: 'x', parameters: z.object({}), run, ...more };
  expect(() => defineTool(spec as unknown as Parameters<typeof defineTool>[0])).toThrow(message);
});

test('an aborted signal rejects with its reason before anything starts', async () => {
  const reason = new Error('not now');
  await expect(start({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test('options take precedence over variables, and a database over the pooler of another', () => {
  const options = { databaseUrl: 'postgres://a/b', port: 0, env: { PORT: '9', HOST: '::1' } };
  expect(variablesOf(options)).toEqual({
    DATABASE_URL: 'postgres://a/b',
    DATABASE_DIRECT_URL: '',
    DATABASE_REPLICA_URL: '',
    PORT: '0',
    HOST: '::1',
  });
  expect(variablesOf({ port: false })).toEqual({});
});
