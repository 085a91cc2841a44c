import type { Config } from '../../config.ts';
import { type Client, createClient } from '../../db/connection/pool.ts';
import { lookAtEmbedded } from '../../db/embedded/embedded.ts';
import { listInstallationAlerts } from '../../db/operations/operator-queries.ts';
import { countWorkers, ownTenant, statusFigures } from '../../db/queries/status-overview.ts';
import { migrationStatus } from '../../db/schema/migrate.ts';
import { schemaState } from '../../db/schema/schema-state.ts';
import { exitCodeFor, exitCodes, reportOf } from '../output/exit-codes.ts';
import type { Status } from './status.ts';

/**
 * Reads the state of the database one fact after the other, the cheap and important facts first.
 * Calls `touch` after each fact. Starts and changes nothing.
 */
export async function probeDatabase(
  status: Status,
  config: Config,
  { ms, touch }: { ms: number; touch: () => void },
): Promise<void> {
  const url = whereItIs(status, config);
  if (url === undefined || status.database === null) return;
  const client = createClient({
    ...{ url, applicationName: 'howdah-cli', numbers: true },
    settings: { statement_timeout: String(ms), default_transaction_read_only: 'on' },
  });
  client.on('error', () => {});
  try {
    await client.connect();
    touch();
    await lookWithin(status, client, url, touch);
  } catch (error) {
    const { code, message } = reportOf(error, status.database.address?.split('/')[0]);
    status.problem = message;
    if (status.database.state !== 'unreachable') return;
    if (exitCodeFor(code) === exitCodes.notAllowed) status.database.state = 'refused';
  } finally {
    await client.end().catch(() => {});
  }
}

/** Returns the URL of the running database. If there is none, the status says why. */
function whereItIs(status: Status, { databaseUrl, home }: Config): string | undefined {
  if (databaseUrl !== undefined) {
    status.database = {
      ...{ is_embedded: false, address: addressOf(databaseUrl), state: 'unreachable' },
    };
    return databaseUrl;
  }
  const found = lookAtEmbedded(home);
  const address = found.state === 'ready' ? addressOf(found.url) : null;
  const state = found.state === 'ready' ? 'unreachable' : found.state;
  status.database = { is_embedded: true, address, state };
  return found.state === 'ready' ? found.url : undefined;
}

async function lookWithin(
  status: Status,
  client: Client,
  url: string,
  touch: () => void,
): Promise<void> {
  if (status.database === null) return;
  const { isThere, isOwner } = await schemaState(client);
  touch();
  status.database.state = isThere ? 'ready' : 'empty';
  if (!isThere) return;
  if (isOwner) {
    const { applied, pending, newer, sql } = await migrationStatus(url);
    const counts = { applied: applied.length, pending: pending.length, newer: newer.length };
    status.schema = { ...counts, sql };
    touch();
    if (applied.length === 0) return;
  }
  const tenant = await ownTenant(client);
  if (tenant) {
    status.tenant = tenant.slug;
    await lookAtTenant(status, client, tenant.id);
    touch();
  }
  if (!isOwner) return;
  const count = await countWorkers(client);
  status.workers = { alive: count > 0, count };
  const alerts = await listInstallationAlerts(client, { withPromises: false });
  const critical = alerts.filter(({ severity }) => severity === 'critical').length;
  const [worst] = alerts;
  status.alerts = {
    ...{ critical, warning: alerts.length - critical },
    worst: worst ? `${worst.name} of ${worst.subject}: ${worst.detail}` : null,
  };
}

async function lookAtTenant(status: Status, client: Client, tenantId: string): Promise<void> {
  const figures = await statusFigures(client, tenantId);
  const { failed, newest_failed, agent, has_llm, model } = figures;
  const { queued = 0, running = 0, waiting = 0, paused = 0 } = figures.live;
  status.runs = { queued, running, waiting, paused, failed, newest_failed, agent, has_llm };
  status.questions = { open: figures.questions, newest: figures.newest_question };
  status.workers = { alive: figures.is_worker_alive, count: null };
  status.model = model;
}

function addressOf(url: string): string {
  const { hostname, port, pathname, searchParams } = new URL(url);
  const host = searchParams.get('host') ?? decodeURIComponent(hostname);
  return `${host || 'localhost'}:${port || '5432'}${decodeURIComponent(pathname)}`;
}
