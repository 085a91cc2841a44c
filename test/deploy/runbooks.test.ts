import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { all } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';

// Each alert has a complete runbook. test/docs/reference.test.ts runs the SQL of the runbooks.

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
const alerts = page.slice(page.indexOf('## Alerts\n'), page.indexOf('## Alerts of processes\n'));
const runbooks = new Map(
  alerts
    .split(/^### /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')), text]),
);

const database = testDatabase();

test('each alert has a runbook, and each runbook an alert', async () => {
  const known = await all(database.pool, 'select name from howdah_private.alert_limits');
  expect([...runbooks.keys()].sort()).toEqual(known.map(({ name }) => name).sort());
});

describe.each([...runbooks])('the runbook of %s', (name, text) => {
  test('explains the alert, how to diagnose it and what to run', () => {
    const [means = '', look = '', run = ''] = text
      .slice(name.length)
      .split(/^```(?:sql)?$/m)
      .map((part) => part.trim());
    expect(means.length).toBeGreaterThan(40);
    expect(look).toMatch(/^select /);
    expect(run.length).toBeGreaterThan(40);
  });

  test('links only to existing targets', () => {
    for (const [, anchor = ''] of text.matchAll(/\]\(#([\w-]+)\)/g)) {
      const heading = new RegExp(`^#+ ${anchor.replaceAll('-', '[ -]')}$`, 'im');
      expect(page).toMatch(heading);
    }
  });

  test('diagnoses with statements that run and change nothing', async () => {
    const statements = [...text.matchAll(/^```sql\n([\s\S]*?)^```/gm)];
    expect(statements).not.toEqual([]);
    const client = await database.pool.connect();
    try {
      await client.query('begin read only');
      for (const [, sql = ''] of statements) await client.query(sql);
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});
