import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidV7 } from 'uuid';
import { faultOf, isConnectionLoss } from '../../src/db/connection/sqlstate.ts';
import type { Breach } from '../checks/breach.ts';
import { retryWhileUnavailable } from '../server.ts';
import type { World } from '../world.ts';

/** Size of an input that fits into no existing page of the table. */
const PADDING_BYTES = 150_000;
const MOST_WAIT_MS = 60_000;
const DISK_FULL = '53100';

/** The parts of a matrix row that fills the disk. */
export type FullDiskFault = {
  during(world: World): Promise<number>;
  after(world: World): Promise<Breach[]>;
};

/**
 * What runs out of space first: `data`, so that inserts are rejected, or the write-ahead `log`, so
 * that the server stops.
 */
type Shortage = 'data' | 'log';

/**
 * Fills the disk of the database until inserts are rejected or the server stops. Two seconds later,
 * frees the space and starts the server if necessary. Every run whose insert was acknowledged must
 * complete.
 */
export function fullDiskFault(...shortages: Shortage[]): FullDiskFault {
  const acknowledged: string[] = [];
  const breaches: Breach[] = [];
  return {
    async during(world) {
      for (const shortage of shortages) {
        await sleep(2_000);
        const ballast = fillDisk(join(world.server.home, 'ballast'));
        breaches.push(...(await insertUntilRejected(world, acknowledged)));
        if (shortage === 'log') {
          await fillLog(world);
        }
        await sleep(2_000);
        rmSync(ballast);
        await world.server.startIfStopped();
        await retryWhileUnavailable(() => world.server.pool.query('select 1'));
      }
      return shortages.length;
    },
    async after({ server }) {
      const { rows } = await retryWhileUnavailable(() => server.pool.query(LOST, [acknowledged]));
      const lost = rows.map(({ id, status }): Breach => {
        return {
          kind: 'lost',
          what: `run ${id} was acknowledged on a full disk, and its status is ${status}`,
        };
      });
      return [...breaches, ...lost];
    },
  };
}

const LOST = `
  select i.id, coalesce(e.status::text, 'missing') as status
  from unnest($1::uuid[]) as i (id) left join howdah.executions as e on e.id = i.id
  where e.status is distinct from 'completed'`;

/** Writes a file that takes all free space. Returns its path. */
function fillDisk(path: string): string {
  const file = openSync(path, 'w');
  try {
    for (const bytes of [1 << 20, 1 << 12]) {
      const zeros = Buffer.alloc(bytes);
      while (writeSync(file, zeros) === bytes);
    }
  } catch (error) {
    if (faultOf(error).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
  return path;
}

/** Inserts runs until one is rejected because the disk is full or the server has stopped. */
async function insertUntilRejected({ server }: World, acknowledged: string[]): Promise<Breach[]> {
  const deadline = performance.now() + MOST_WAIT_MS;
  while (performance.now() < deadline) {
    const id = uuidV7();
    const input = `Please do key=disk.${acknowledged.length} ${randomBytes(PADDING_BYTES).toString('base64')}`;
    try {
      await server.pool.query(
        `insert into howdah.executions (id, agent_id, input) values ($1, howdah.agent('clerk'), $2)`,
        [id, input],
      );
      acknowledged.push(id);
    } catch (error) {
      const { code, message } = faultOf(error);
      const isExpected = code === DISK_FULL || isConnectionLoss(error);
      return isExpected
        ? []
        : [{ kind: 'lost', what: `an insert was rejected with ${code}: ${message}` }];
    }
  }
  return [{ kind: 'stuck', what: 'inserts are accepted although the disk is full' }];
}

/** Writes to the write-ahead log alone until the server stops. */
async function fillLog({ server }: World): Promise<void> {
  const deadline = performance.now() + MOST_WAIT_MS;
  try {
    while (performance.now() < deadline) {
      await server.pool.query(
        `select pg_logical_emit_message(false, 'chaos', repeat('x', 1000000))`,
      );
    }
  } catch (error) {
    if (!isConnectionLoss(error)) throw error;
    return;
  }
  throw new Error('the database writes its log although the disk is full');
}
