import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../support/database.ts';
import { all, one, rolledBack } from './support.ts';

describe('uuid v7', () => {
  const db = testDatabase();

  test('has version 7, variant 2 and a leading timestamp', async () => {
    const clock = '(extract(epoch from clock_timestamp()) * 1000)::float8';
    const { before, id, after } = await one(
      db.pool,
      `select ${clock} as before, howdah.uuid_v7() as id, ${clock} as after`,
    );
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const stamp = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
    expect(stamp).toBeGreaterThanOrEqual(Math.floor(Number(before)));
    expect(stamp).toBeLessThanOrEqual(Number(after));
  });

  test('sorts by the millisecond of its creation', async () => {
    const rows = await all(
      db.pool,
      'select howdah.uuid_v7() as id from generate_series(1, 5000) as n order by n',
    );
    const stamps = rows.map((row) => row.id.slice(0, 13));
    expect(stamps).toEqual([...stamps].sort());
    expect(new Set(rows.map((row) => row.id)).size).toBe(5000);
  });

  test('is inlined, so that a default costs no function call', async () => {
    const plan = await all(
      db.pool,
      'explain (verbose) select howdah.uuid_v7() from generate_series(1, 2)',
    );
    expect(JSON.stringify(plan)).toMatch(/uuid/);
    expect(JSON.stringify(plan)).not.toContain('howdah.uuid_v7');
  });

  test('is distinguished from every other UUID', async () => {
    expect(
      await one(
        db.pool,
        `select howdah_private.is_uuid_v7(howdah.uuid_v7()) as v7,
           howdah_private.is_uuid_v7(gen_random_uuid()) as v4,
           howdah_private.is_uuid_v7('00000000-0000-0000-0000-000000000000') as nil`,
      ),
    ).toEqual({ v7: true, v4: false, nil: false });
  });

  test('uuid_v7_floor() returns the lower bound of a point in time', async () => {
    expect(
      await one(
        db.pool,
        `select howdah.uuid_v7_floor('2026-01-01T00:00:00Z') as floor,
           howdah_private.is_uuid_v7(howdah.uuid_v7_floor(now())) as is_v7,
           howdah.uuid_v7_floor(now() - interval '1 second') < howdah.uuid_v7() as before,
           howdah.uuid_v7_floor(now() + interval '1 minute') > howdah.uuid_v7() as after`,
      ),
    ).toEqual({
      floor: `${Date.UTC(2026, 0, 1)
        .toString(16)
        .padStart(12, '0')
        .replace(/^(.{8})/, '$1-')}-7000-8000-000000000000`,
      is_v7: true,
      before: true,
      after: true,
    });
  });

  test('before PostgreSQL 18, ids have the same layout and stay ordered within one millisecond', async () => {
    const text = readFileSync(new URL('../../migrations/0002_types.sql', import.meta.url), 'utf8');
    const body = /\breturn \([\s\S]*?;/.exec(text)?.[0];
    const startedAt = Date.now() - 1; // the clock of the server has microseconds
    const ids = await rolledBack(db.pool, async (client) => {
      await client.query(
        `create function pg_temp.older() returns uuid language sql volatile ${body}`,
      );
      return all(client, 'select pg_temp.older() as id from generate_series(1, 200)');
    });
    for (const { id } of ids) {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      const stamp = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
      expect(stamp).toBeGreaterThanOrEqual(startedAt);
      expect(stamp).toBeLessThanOrEqual(Date.now());
    }
    expect(new Set(ids.map((row) => row.id)).size).toBe(200);
    // the milliseconds, and the microseconds after the version
    const moments = ids.map((row) => row.id.slice(0, 18));
    expect(moments).toEqual([...moments].sort());
    expect(new Set(moments).size).toBeGreaterThan(
      new Set(ids.map((row) => row.id.slice(0, 13))).size,
    );
  });
});
