import { HowdahError } from '../../contracts/errors.ts';
import type { Pool } from '../../db/connection/pool.ts';
import type { Api } from '../backend/connect.ts';

/**
 * Returns the newest root run: of the user if the login has a user, else of the tenant. Throws
 * `HWNTF`.
 */
export async function latestRun(client: Pick<Pool, 'query'>): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `select e.id from howdah.executions as e
     where e.tenant_id = howdah.current_tenant() and e.parent_execution_id is null
       and (howdah.current_user_id() is null or e.user_id = howdah.current_user_id())
     order by e.id desc limit 1`,
  );
  return rows[0]?.id ?? none();
}

/** Returns the newest root run of the owner of the key, over REST. */
export async function latestRunOverApi(api: Api): Promise<string> {
  const { data } = await api.call('listExecutions', {
    query: { is_root: 'true', is_mine: 'true', limit: 1 },
  });
  return data[0]?.id ?? none();
}

function none(): never {
  throw new HowdahError('HWNTF', 'you have no run yet', {
    hint: 'Start one: howdah run AGENT MESSAGE. To use the run of another user, name its id: howdah executions',
  });
}
