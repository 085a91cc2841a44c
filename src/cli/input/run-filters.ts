import { InvalidArgumentError } from 'commander';
import { EXECUTION_STATUSES, type ExecutionStatus } from '../../contracts/runs/step.ts';
import type { CliDatabase } from '../backend/with-database.ts';
import { parseWholeNumber } from './parse-number.ts';
import { parseTime } from './parse-time.ts';
import { forTenant } from './resolve-tenant.ts';

/** Parses a list such as `failed,cancelled`. */
export function parseStatuses(text: string): ExecutionStatus[] {
  return text.split(',').map((word) => {
    const found = EXECUTION_STATUSES.find((one) => one === word.trim().toLowerCase());
    if (!found) {
      throw new InvalidArgumentError(`Use one of ${EXECUTION_STATUSES.join(', ')}.`);
    }
    return found;
  });
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };

/** Parses a time, or a duration before now. */
export function moment(text: string): Date {
  const [, number, unit = ''] = /^(\d{1,6})([smhdw])$/.exec(text.trim()) ?? [];
  const at = number
    ? new Date(Date.now() - Number(number) * (UNITS[unit] ?? 0) * 1_000)
    : parseTime(text);
  if (at) return at;
  throw new InvalidArgumentError(
    'Use a duration such as 30m, 1h or 7d, or a time such as 2026-12-01.',
  );
}

/** Parses a maximum number. */
export const limit = parseWholeNumber(1);

/**
 * Returns the id of the agent or workflow of this name in the tenant. Returns undefined if no name
 * is passed. Throws `HWNTF` with the existing names.
 */
export async function idOfNamed(
  database: CliDatabase,
  tenant: string | undefined,
  kind: 'agent' | 'workflow',
  name: string | undefined,
): Promise<string | undefined> {
  if (name === undefined) return undefined;
  const { rows } = await forTenant(database, tenant, (client) =>
    client.query<{ id: string }>(`select howdah.${kind}($1) as id`, [name]),
  );
  return rows[0]?.id;
}
