import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidV7 } from 'uuid';
import { faultOf, isConnectionLoss } from '../../src/db/connection/sqlstate.ts';
import type { Breach } from '../checks/check-evidence.ts';
import { retryWhileUnavailable } from '../server.ts';
import type { World } from '../world.ts';

/** So much that no page there is has room for it. */
const PADDING_BYTES = 150_000;
const PATIENCE_MS = 60_000;
const DISK_FULL = '53100';

/** What filling a disk is made of, and what must be true after it: `Scenario` knows when. */
export type FullDisk = {
  during(world: World): Promise<number>;
  after(world: World): Promise<Breach[]>;
};

/** What finds no room first: an insert is refused, or the server writes its log no further and ends. */
type Shortage = 'data' | 'log';

/**
 * Fills the disk the database is on until an insert is refused or the server is gone, lets everybody live with that for a
 * while, makes room again, and starts the server if it has ended. Every insert that was acknowledged must be there, and its run must end.
 */
export function fullDisk(...shortages: Shortage[]): FullDisk {
  const acknowledged: string[] = [];
  const breaches: Breach[] = [];
  return {
    async during(world) {
      for (const shortage of shortages) {
        await sleep(2_000);
        const ballast = fill(join(world.server.home, 'ballast'));
        breaches.push(...(await refusal(world, acknowledged)));
        if (shortage === 'log') {
          await fillLog(world);
        }
        await sleep(2_000);
        rmSync(ballast);
        await world.server.revive();
        await retryWhileUnavailable(() => world.server.pool.query('select 1'));
      }
      return shortages.length;
    },
    async after({ server }) {
      const { rows } = await retryWhileUnavailable(() => server.pool.query(LOST, [acknowledged]));
      const lost = rows.map(({ id, status }): Breach => {
        return {
          kind: 'lost',
          what: `run ${id} was acknowledged on a full disk, and is ${status}`,
        };
      });
      return [...breaches, ...lost];
    },
  };
}

const LOST = `
  select i.id, coalesce(e.status::text, 'not there') as status
  from unnest($1::uuid[]) as i (id) left join howdah.executions as e on e.id = i.id
  where e.status is distinct from 'completed'`;

/** Takes all the room there is. */
function fill(path: string): string {
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

/** Inserts runs until one is refused because the disk is full, or because there is no server any more. */
async function refusal({ server }: World, acknowledged: string[]): Promise<Breach[]> {
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end) {
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
      const isClear = code === DISK_FULL || isConnectionLoss(error);
      return isClear
        ? []
        : [{ kind: 'lost', what: `an insert was refused as ${code}: ${message}` }];
    }
  }
  return [{ kind: 'stuck', what: 'the disk is full, and inserts are accepted' }];
}

/** Writes to nothing but the log of the database, until that ends it. */
async function fillLog({ server }: World): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  try {
    while (performance.now() < end) {
      await server.pool.query(
        `select pg_logical_emit_message(false, 'chaos', repeat('x', 1000000))`,
      );
    }
  } catch (error) {
    if (!isConnectionLoss(error)) throw error;
    return;
  }
  throw new Error('the disk is full, and the database goes on writing its log');
}
