import type pg from 'pg';
import { expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  makeAgent,
  makeRun,
  makeTenant,
  makeUser,
  one,
  refusedInside,
  rolledBack,
  takeRole,
} from '../support.ts';
import { addExampleTable, exampleAboutRuns } from './example-table.ts';

// Adds the table of sql/README.md ("A table") by nothing but its migration and its rules, and walks
// it through what is computed from them.

const db = testDatabase();

test('a table with rules has all that is computed from them', async () => {
  const tenant_id = await makeTenant(db.pool);
  const other = await makeTenant(db.pool);
  const ada = await makeUser(db.pool, { tenant_id, username: 'ada', role: 'member' });
  const eve = await makeUser(db.pool, { tenant_id, username: 'eve', role: 'viewer' });
  const as = (client: pg.ClientBase, tenant: string, user: string) =>
    takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, 'howdah.user_id': user });

  await rolledBack(db.pool, async (client) => {
    await addExampleTable(client);
    await as(client, tenant_id, ada.id);
    const insert = `insert into howdah.notes (name, body) values ('first', $1) returning *`;
    const note = await one(client, insert, ['tea']);
    expect(note).toMatchObject({ tenant_id, user_id: ada.id, body: 'tea' });

    // checks, names and sizes
    expect(await refusedInside(client, insert, [''])).toMatchObject({
      code: 'HWINV',
      fields: { constraint: 'body_is_not_empty', fields: ['body'] },
      hint: 'Write a note in body.',
    });
    // privileges
    const steal = `update howdah.notes set user_id = '${eve.id}'`;
    expect(await refusedInside(client, steal)).toMatchObject({ code: '42501' });
    // permissions
    await as(client, tenant_id, eve.id);
    expect(await all(client, 'select name from howdah.notes')).toEqual([{ name: 'first' }]);
    expect(await refusedInside(client, insert, ['x'])).toMatchObject({
      code: 'HWDEN',
      fields: { object: 'notes', action: 'run', required_role: 'member' },
    });
    // other tenants
    await client.query('reset role');
    await as(client, other, ada.id);
    expect(await all(client, 'select name from howdah.notes')).toEqual([]);

    // updated_at, and the audit log
    await client.query('reset role');
    await client.query(`update howdah.notes set updated_at = '2020-01-01'`);
    expect(await one(client, 'select updated_at = now() as is_set from howdah.notes')).toEqual({
      is_set: true,
    });
    expect(
      await all(
        client,
        `select action, actor from howdah_private.audit_inbox where object = 'notes' and user_id = $1`,
        [ada.id],
      ),
    ).toEqual([{ action: 'insert', actor: 'ada' }]);

    // export, redaction and erasure of the user
    const documents = (redact: boolean) =>
      all(
        client,
        `select d ->> 'name' as name, d ->> 'body' as body
         from howdah.export_user_data($1, $2) as d where d ->> 'kind' = 'note'`,
        [ada.id, redact],
      );
    expect(await documents(false)).toEqual([{ name: 'first', body: 'tea' }]);
    expect(await documents(true)).toEqual([{ name: 'first', body: '[redacted]' }]);
    const { erased } = await one(client, 'select howdah.erase_user($1) as erased', [ada.id]);
    expect(erased).toMatchObject({ notes: 1 });
    expect(await all(client, 'select name from howdah.notes')).toEqual([]);
  });
});

test('rows about a run need a run, and end with the run and with their user', async () => {
  const tenant_id = await makeTenant(db.pool);
  const other = await makeTenant(db.pool);
  const ada = await makeUser(db.pool, { tenant_id, username: 'ada', role: 'member' });
  const bob = await makeUser(db.pool, { tenant_id, username: 'bob', role: 'member' });
  const runOf = async (tenant: string) =>
    makeRun(db.pool, {
      tenant_id: tenant,
      agent_id: await makeAgent(db.pool, { tenant_id: tenant }),
      input: 'x',
    });
  const [run, theirs] = [await runOf(tenant_id), await runOf(other)];
  const as = async (client: pg.ClientBase, user: string) => {
    await client.query('reset role');
    await takeRole(client, 'howdah_app', {
      ...{ 'howdah.tenant_id': tenant_id, 'howdah.user_id': user },
    });
  };
  const insert = `insert into howdah.notes (execution_id, name, body) values ($1, $2, 'tea')`;
  const names = (client: pg.ClientBase) =>
    all(client, 'select name from howdah.notes order by name');

  await rolledBack(db.pool, async (client) => {
    await addExampleTable(client, exampleAboutRuns());
    await as(client, bob.id);
    await client.query(insert, [run, 'by bob']);
    await as(client, ada.id);
    await client.query(insert, [run, 'by ada']);
    for (const missing of [theirs, '0197a000-0000-7000-8000-000000000001']) {
      expect(await refusedInside(client, insert, [missing, 'ghost'])).toMatchObject({
        code: 'HWNTF',
        fields: { execution_id: missing },
      });
    }
    await client.query('reset role');
    expect(await names(client)).toEqual([{ name: 'by ada' }, { name: 'by bob' }]);
    await client.query(`select howdah.erase_user($1, 'anonymise')`, [ada.id]);
    expect(await names(client)).toEqual([{ name: 'by bob' }]);
    await client.query('select howdah_private.delete_rows_of_runs($1)', [[run]]);
    expect(await names(client)).toEqual([]);
  });
});
