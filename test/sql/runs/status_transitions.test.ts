import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, committed, makeRun, makeWorker, one, refusal } from '../support.ts';

const STATUSES = ['queued', 'running', 'waiting', 'paused', 'completed', 'failed', 'cancelled'];

describe('status_transitions', () => {
  const db = testDatabase({ violates: true }); // writes runs and steps by hand
  let worker: string;
  let allowed: Set<string>;

  beforeAll(async () => {
    worker = await makeWorker(db.pool);
    const rows = await all(db.pool, 'select from_status, to_status from howdah.status_transitions');
    allowed = new Set(rows.map((row) => `${row.from_status} -> ${row.to_status}`));
  });

  /** Returns columns that are valid for this status. */
  const settings = (status: string): string => {
    const ended = ['completed', 'failed', 'cancelled'].includes(status);
    return [
      `status = '${status}'`,
      `waiting_for = ${status === 'waiting' ? "'child'" : 'null'}`,
      `owner_worker = ${status === 'running' ? `'${worker}'` : 'null'}`,
      `completed_at = ${ended ? 'now()' : 'null'}`,
      `stop_reason = ${ended ? "'error'" : 'null'}`,
      `error = ${status === 'failed' ? `'{"code": "x"}'` : 'null'}`,
      `output = ${status === 'completed' ? "'x'" : 'null'}`,
    ].join(', ');
  };

  /** Creates a run in a status, bypassing the check of transitions. */
  const place = async (status: string): Promise<string> => {
    const id = await makeRun(db.pool);
    await committed(db.pool, async (client) => {
      await client.query('set local session_replication_role = replica');
      await client.query(`update howdah.executions set ${settings(status)} where id = $1`, [id]);
    });
    return id;
  };

  test.each(STATUSES)('from %s only the transitions of the table are allowed', async (from) => {
    for (const to of STATUSES.filter((status) => status !== from)) {
      const id = await place(from);
      // Only the engine may change a run that has ended.
      const move = committed(db.pool, async (client) => {
        await client.query('set local role howdah_engine');
        await client.query(`update howdah.executions set ${settings(to)} where id = $1`, [id]);
      });
      if (allowed.has(`${from} -> ${to}`)) {
        await move;
        expect(
          await one(db.pool, 'select status from howdah.executions where id = $1', [id]),
        ).toEqual({ status: to });
      } else {
        const refused = await refusal(move);
        expect(refused).toMatchObject({
          code: 'HWCNF',
          fields: { from, to },
        });
        expect(refused.fields).toEqual({ execution_id: id, from, to });
      }
    }
  });

  test('a completed run has no transitions; a failed or cancelled one can be retried', () => {
    const from = (status: string) =>
      [...allowed].filter((move) => move.startsWith(`${status} ->`)).sort();
    expect(from('completed')).toEqual([]);
    for (const status of ['failed', 'cancelled']) {
      expect(from(status)).toEqual([`${status} -> queued`, `${status} -> waiting`]);
    }
  });

  test('every reachable live status can be cancelled', () => {
    const reachable = new Set(['queued', ...[...allowed].map((move) => move.split(' -> ')[1])]);
    for (const status of ['queued', 'running', 'waiting', 'paused']) {
      expect(allowed.has(`${status} -> cancelled`)).toBe(reachable.has(status));
    }
  });
});
