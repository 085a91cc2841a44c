import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { exitCodeFor, reportOf } from '../../../src/cli/output/exit-codes.ts';
import { HowdahError } from '../../../src/contracts/errors.ts';

test.each([
  ['EUSAGE', 2],
  ['HWINV', 2],
  ['HWNTF', 3],
  ['HWDEN', 4],
  ['42501', 4],
  ['28P01', 4],
  ['HWQTA', 5],
  ['HWTRM', 1],
  ['HWCNF', 1],
  ['23505', 1],
  ['EINTERNAL', 1],
  ['EINTERRUPTED', 130],
  ['22P02', 2],
  ['3D000', 8],
  ['ECONNREFUSED', 8],
  ['ENOTFOUND', 8],
  ['08006', 8],
  ['57P03', 8],
])('%s exits %i', (code, status) => {
  expect(exitCodeFor(code)).toBe(status);
});

describe('an error report', () => {
  test('has the same form for a Postgres error with a Howdah SQLSTATE and a Howdah error', () => {
    const own = new HowdahError('HWNTF', 'No agent "x".', {
      hint: 'Try y.',
      detail: { name: 'x' },
    });
    const ofPg = {
      code: 'HWNTF',
      message: 'No agent "x".',
      hint: 'Try y.',
      detail: '{"name":"x"}',
    };
    expect(reportOf(Object.assign(new Error(), ofPg))).toEqual(reportOf(own));
    expect(reportOf(own)).toEqual({ ...ofPg, detail: { name: 'x' } });
  });

  test('includes a Postgres detail that is not JSON', () => {
    const error = Object.assign(new Error('duplicate key'), {
      code: '23505',
      detail: 'Key (a)=(b)',
    });
    expect(reportOf(error).detail).toBe('Key (a)=(b)');
  });

  test('of a constraint violation in a Howdah table reads as over GraphQL', () => {
    const error = Object.assign(
      new Error('duplicate key value violates unique constraint "models_tenant_id_name_key"'),
      { code: '23505', schema: 'howdah', table: 'models', constraint: 'models_tenant_id_name_key' },
    );
    expect(reportOf(error)).toEqual({
      code: 'HWCNF',
      message: 'a row with this name already exists',
      hint: 'Use another name, or change the existing row.',
      detail: { table: 'models', constraint: 'models_tenant_id_name_key', field: 'name' },
    });
    const { code, message } = reportOf(Object.assign(error, { schema: 'shop', table: 'orders' }));
    expect({ code, message }).toEqual({ code: '23505', message: error.message });
  });

  test('of a refused connection names host and port', async () => {
    const client = new Client({ connectionString: 'postgres://me:s3cret@127.0.0.1:1/db' });
    const report = reportOf(await client.connect().catch((error: unknown) => error));
    expect(report).toMatchObject({
      code: 'ECONNREFUSED',
      message: 'No server answers at 127.0.0.1:1.',
    });
    expect(JSON.stringify(report)).not.toContain('s3cret');
  });

  test('reads the AggregateError that Node throws after trying several addresses', () => {
    const refused = { code: 'ECONNREFUSED', address: '::1', port: 5432 };
    const error = new AggregateError([Object.assign(new Error('connect'), refused)]);
    expect(reportOf(error).message).toBe('No server answers at [::1]:5432.');
  });

  test.each([
    ['ENOTFOUND', 'The host name in db.example:5432 is not known.'],
    ['28P01', 'db.example:5432 rejected the login: because.'],
    ['57P03', 'Cannot reach db.example:5432: because.'],
  ])('of %s names the server', (code, message) => {
    const error = Object.assign(new Error('because'), { code });
    expect(reportOf(error, 'db.example:5432').message).toBe(message);
  });

  test('of an unexpected error is marked as such and includes the stack', () => {
    const report = reportOf(new TypeError('x is not a function'));
    expect(report).toMatchObject({ code: 'EINTERNAL', message: 'x is not a function' });
    expect(report.hint).toContain('report it');
    expect(report.detail).toContain('exit-codes.test.ts');
  });

  test('of a thrown value that is not an error is still a report', () => {
    expect(reportOf('nope')).toMatchObject({ code: 'EINTERNAL', message: 'nope' });
    expect(reportOf(undefined)).toMatchObject({ code: 'EINTERNAL', message: 'undefined' });
  });
});
