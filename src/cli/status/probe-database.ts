import type { Config } from '../../config.ts';
import { type Client, createClient } from '../../db/connection/pool.ts';
import { lookAtEmbedded } from '../../db/embedded/embedded.ts';
import { listInstallationAlerts } from '../../db/operations/operator-queries.ts';
import { ownTenant, statusFigures, workersAlive } from '../../db/queries/status-overview.ts';
import { migrationStatus } from '../../db/schema/migrate.ts';
import { schemaState } from '../../db/schema/schema-state.ts';
import { exitCodeFor, exitCodes, reportOf } from '../output/exit-codes.ts';
import type { Status } from './status.ts';

/**
 * Learns how the database is, one thing after the other, the cheap and important ones first, and says each time that it heard
 * something. Starts and changes nothing.
 */
export async function probeDatabase(
  standing: Status,
  config: Config,
  { ms, heard }: { ms: number; heard: () => void },
): Promise<void> {
  const url = whereItIs(standing, config);
  if (url === undefined || standing.database === null) return;
  const client = createClient({
    ...{ url, applicationName: 'howdah-cli', numbers: true },
    settings: { statement_timeout: String(ms), default_transaction_read_only: 'on' },
  });
  client.on('error', () => {});
  try {
    await client.connect();
    heard();
    await lookWithin(standing, client, url, heard);
  } catch (error) {
    const { code, message } = reportOf(error, standing.database.address?.split('/')[0]);
    standing.problem = message;
    if (standing.database.state !== 'unreachable') return;
    if (exitCodeFor(code) === exitCodes.notAllowed) standing.database.state = 'refused';
  } finally {
    await client.end().catch(() => {});
  }
}

/** The URL of what runs; without one it is said why. */
function whereItIs(standing: Status, { databaseUrl, home }: Config): string | undefined {
  if (databaseUrl !== undefined) {
    standing.database = {
      ...{ is_embedded: false, address: addressOf(databaseUrl), state: 'unreachable' },
    };
    return databaseUrl;
  }
  const found = lookAtEmbedded(home);
  const address = found.state === 'ready' ? addressOf(found.url) : null;
  const state = found.state === 'ready' ? 'unreachable' : found.state;
  standing.database = { is_embedded: true, address, state };
  return found.state === 'ready' ? found.url : undefined;
}

async function lookWithin(
  standing: Status,
  client: Client,
  url: string,
  heard: () => void,
): Promise<void> {
  if (standing.database === null) return;
  const { isThere, isOwner } = await schemaState(client);
  heard();
  standing.database.state = isThere ? 'ready' : 'empty';
  if (!isThere) return;
  if (isOwner) {
    const { applied, pending, newer, sql } = await migrationStatus(url);
    const counts = { applied: applied.length, pending: pending.length, newer: newer.length };
    standing.schema = { ...counts, sql };
    heard();
    if (applied.length === 0) return;
  }
  const tenant = await ownTenant(client);
  if (tenant) {
    standing.tenant = tenant.slug;
    await lookAtTenant(standing, client, tenant.id);
    heard();
  }
  if (!isOwner) return;
  const count = await workersAlive(client);
  standing.workers = { alive: count > 0, count };
  const alerts = await listInstallationAlerts(client, { withPromises: false });
  const critical = alerts.filter(({ severity }) => severity === 'critical').length;
  const [worst] = alerts;
  standing.alerts = {
    ...{ critical, warning: alerts.length - critical },
    worst: worst ? `${worst.name} of ${worst.subject}: ${worst.detail}` : null,
  };
}

async function lookAtTenant(standing: Status, client: Client, tenantId: string): Promise<void> {
  const figures = await statusFigures(client, tenantId);
  const { failed, newest_failed, agent, has_llm, model } = figures;
  const { queued = 0, running = 0, waiting = 0, paused = 0 } = figures.live;
  standing.runs = { queued, running, waiting, paused, failed, newest_failed, agent, has_llm };
  standing.questions = { open: figures.questions, newest: figures.newest_question };
  standing.workers = { alive: figures.is_worker_alive, count: null };
  standing.model = model;
}

function addressOf(url: string): string {
  const { hostname, port, pathname, searchParams } = new URL(url);
  const host = searchParams.get('host') ?? decodeURIComponent(hostname);
  return `${host || 'localhost'}:${port || '5432'}${decodeURIComponent(pathname)}`;
}
