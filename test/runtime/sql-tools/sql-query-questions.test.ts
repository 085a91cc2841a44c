import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { openQueryTool, type QueryTool } from './query-tool.ts';

// Questions that people ask of databases, and the SQL that answers them (from defog, in
// HOWDAH_TEST_ASSETS). The sandbox must accept them.

const ASSETS = join(process.env.HOWDAH_TEST_ASSETS ?? '', 'sql-defog');
const hasAssets = process.env.HOWDAH_TEST_ASSETS !== undefined && existsSync(ASSETS);

type Question = { id: string; db: string; gold_sql_exec: string[]; gold_runs: boolean };

describe.skipIf(!hasAssets)('benchmark queries (HOWDAH_TEST_ASSETS)', () => {
  const database = testDatabase();
  let reading: QueryTool;

  beforeAll(async () => {
    for (const file of readdirSync(join(ASSETS, 'db')).filter((name) => name.endsWith('.sql'))) {
      const schema = file.replace('.sql', '');
      const text = readFileSync(join(ASSETS, 'db', file), 'utf8').replaceAll(
        'public.',
        `${schema}.`,
      );
      await database.pool.query(
        `create schema ${schema}; set search_path = ${schema}; ${text};
         set search_path = "$user", public; grant usage on schema ${schema} to howdah_analyst;
         grant select on all tables in schema ${schema} to howdah_analyst`,
      );
    }
    reading = await openQueryTool(database.url, database.pool);
  });
  afterAll(async () => {
    await reading?.pool.end();
  });

  test('are all accepted and return the same rows as for the owner', async () => {
    const questions: Question[] = readFileSync(join(ASSETS, 'questions.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const refused: unknown[] = [];
    let queryCount = 0;
    for (const { id, db, gold_sql_exec, gold_runs } of questions) {
      for (const query of gold_runs ? gold_sql_exec : []) {
        queryCount += 1;
        const found = await reading.ask(query, { schemas: [db], rows: 1000, bytes: 10_000_000 });
        const owner = await database.pool.connect();
        await owner.query(`set search_path = ${db}`);
        const expected = await owner.query({ text: query, rowMode: 'array' });
        await owner.query('reset search_path');
        owner.release();
        if (!found.ok) refused.push({ id, query, error: found.error });
        else if (found.value.rows.length !== expected.rows.length) refused.push({ id, query });
        else if (Object.keys(found.value.rows[0] ?? {}).length !== (expected.rows[0] ?? []).length)
          refused.push({ id, query });
      }
    }
    console.info(`queries of questions: ${queryCount - refused.length} of ${queryCount}`);
    // one of them consists of two queries
    expect(refused.filter((one) => !JSON.stringify(one).includes('2 statements'))).toEqual([]);
    expect(queryCount).toBeGreaterThan(100);
  });
});
