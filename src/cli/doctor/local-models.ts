import type { Config } from '../../config.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { findLocalServers, type LocalServer } from '../../providers/local-servers.ts';
import type { Finding } from './finding.ts';

/**
 * Finds model servers on their usual ports of this machine that neither the environment nor a model
 * names.
 */
export async function findUnusedServers(
  pool: Pool,
  { models }: Config,
  candidates?: Parameters<typeof findLocalServers>[0],
): Promise<LocalServer[]> {
  const servers = await findLocalServers(candidates);
  if (servers.length === 0) return [];
  const { rows } = await pool.query<{ url: string }>(
    'select distinct m.base_url as url from howdah.models as m where m.base_url is not null',
  );
  const urls = [...rows.map(({ url }) => url), models.defaultModel.baseUrl];
  const ports = new Set(urls.flatMap((url) => (url ? [portOf(url)] : [])));
  return servers.filter(({ url }) => !ports.has(portOf(url)));
}

/** Returns the command that makes a model of a server. */
export function commandFor({ name, url, model }: LocalServer): string {
  return `howdah models create ${name} --provider ${name} --model ${model ?? 'MODEL'} --base-url ${url}`;
}

/** Offers each model server of this machine that no model names. */
export async function localModelsFinding(pool: Pool, config: Config): Promise<Finding> {
  const [server, ...others] = await findUnusedServers(pool, config);
  const check = 'local LLM';
  if (!server) return { check, ok: true, found: 'no unused server on a usual port' };
  const names = [server, ...others].map(({ name, url }) => `${name} at ${new URL(url).host}`);
  return {
    check,
    ok: true,
    found: `${names.join(', ')} answers, but no model names it`,
    fix: commandFor(server),
  };
}

function portOf(url: string): string {
  return new URL(url).port;
}
