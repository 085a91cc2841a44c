import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeRun } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, driveRun, startTestApi } from '../harness.ts';

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

const control = (name: string, args = 'id: $id') => `mutation ($id: UUID!) {
  control: ${name}Execution(input: { ${args} }) { result { id status stopReason forkedFromSeq input inputData } }
}`;
const call = async (name: string, id: string, args?: string) => {
  const { data, errors } = await ask(api, control(name, args), { id });
  return errors[0]?.extensions.code ?? data.control.result;
};

test('mutations pause, resume, cancel, retry and fork a run and return it', async () => {
  const id = await makeRun(db.pool);
  expect(await call('pause', id)).toMatchObject({ id, status: 'paused' });
  expect(await call('resume', id)).toMatchObject({ id, status: 'queued' });
  expect(await call('retry', id)).toBe('HWCNF');
  expect(await call('cancel', id)).toMatchObject({ status: 'cancelled', stopReason: 'cancelled' });
  for (const name of ['pause', 'resume', 'cancel']) {
    expect(await call(name, id)).toBe('HWTRM');
  }
  expect(await call('retry', id)).toMatchObject({ id, status: 'queued', stopReason: null });
  expect(await call('fork', id, 'id: $id, seq: 0, input: "Again?"')).toMatchObject({
    status: 'queued',
    forkedFromSeq: 0,
    input: 'Again?',
  });
  expect(await call('fork', id, 'id: $id, seq: 7')).toBe('HWINV');
});

test('a run is forked with new input data, or with single values replaced', async () => {
  const id = await makeRun(db.pool, { input_data: '{"order": {"number": 1001}}' });
  expect(await call('fork', id, 'id: $id, inputData: { order: 1 }')).toMatchObject({
    forkedFromSeq: 0,
    inputData: { order: 1 },
  });
  const { data } = await ask(
    api,
    `mutation ($id: UUID!, $changes: JSON) {
       forkExecution(input: { id: $id, changes: $changes }) { result { inputData } }
     }`,
    { id, changes: { 'order.number': 1002 } },
  );
  expect(data.forkExecution.result.inputData).toEqual({ order: { number: 1002 } });
  expect(await call('fork', id, 'id: $id, changes: { order: 1, ordre: 2 }')).toBe('HWINV');
});

test('retrying a completed run fails with HWTRM, and an unknown run is HWNTF', async () => {
  const id = await makeRun(db.pool);
  await (await driveRun(db.pool, id)).finish();
  expect(await call('retry', id)).toBe('HWTRM');
  for (const name of ['pause', 'resume', 'cancel', 'retry', 'fork']) {
    expect(await call(name, '01980000-0000-7000-8000-000000000000')).toBe('HWNTF');
  }
});

test('a run is exported in full or redacted', async () => {
  const id = await makeRun(db.pool, { input: 'a canary' });
  const { data } = await ask(
    api,
    'query ($id: UUID!) { whole: exportRun(id: $id) redacted: exportRun(id: $id, redact: true) }',
    { id },
  );
  expect(data.whole.execution).toMatchObject({ id, input: 'a canary' });
  expect(data.redacted.execution).toMatchObject({ id, input: '[redacted]' });
});
