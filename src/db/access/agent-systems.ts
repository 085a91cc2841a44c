import { HowdahError } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import type { Queryable } from '../connection/pool.ts';

export type ApplyOptions = {
  /** True to report the changes without making them. */
  dryRun?: boolean;
  /** True to delete objects that the system owns and its file no longer has. */
  prune?: boolean;
  /** True if HTTP tools may name secrets that do not exist yet. They are reported as warnings. */
  waitsForSecrets?: boolean;
};

/**
 * The change that an apply made to one object. `before` and `after` are the entries of the object
 * as a file would have them.
 */
export type Change = {
  kind:
    | 'system'
    | 'model'
    | 'function'
    | 'tool'
    | 'mcp_server'
    | 'prompt'
    | 'skill'
    | 'agent'
    | 'workflow';
  name: string;
  action: 'create' | 'change' | 'unchanged' | 'delete';
  before: JsonObject | null;
  after: JsonObject | null;
  /** A change of owner: an object without an owner now belongs to the system, or the reverse. */
  ownership?: 'taken' | 'released';
};

export type Plan = {
  id: string;
  name: string;
  version: number;
  digest: string;
  dry_run: boolean;
  objects: Change[];
  /** Objects that the system owns and its file no longer has. Empty after pruning. */
  kept: Pick<Change, 'kind' | 'name'>[];
  /** Warnings about objects that were applied and could not be run as they are. */
  warnings: string[];
};

/**
 * Applies a document in one statement, either completely or not at all. Throws `HWINV`, `HWCNF` or
 * `HWDEN` with all faults in `detail`.
 */
export async function applyDocument(
  client: Queryable,
  { document, source }: { document: unknown; source?: string },
  { dryRun = false, prune = false, waitsForSecrets = false }: ApplyOptions = {},
): Promise<Plan> {
  const missing = waitsForSecrets ? 'wait' : '';
  await client.query(`select set_config('howdah.missing_secrets', $1, true)`, [missing]);
  const { rows } = await client.query<{ plan: Plan }>(
    'select howdah.apply_agent_system($1, $2, $3, $4) as plan',
    [JSON.stringify(document), source ?? null, dryRun, prune],
  );
  const [row] = rows;
  if (!row) throw new HowdahError('HWINV', 'apply_agent_system gave no plan');
  return row.plan;
}

export type Export = {
  document: JsonObject;
  /** References to deleted objects, each with its path in the document. */
  left_out: { path: string; message: string }[];
};

/**
 * Exports a system as the content of its file. Without a name, exports the objects that no system
 * owns. Throws `HWNTF`.
 */
export async function exportDocument(client: Queryable, name?: string): Promise<Export> {
  const { rows } = await client.query<{ export: Export }>(
    'select howdah_private.exported_system($1) as export',
    [name ?? null],
  );
  return rows[0]?.export ?? { document: {}, left_out: [] };
}

/**
 * Reads the text from which a system was applied, or undefined if there is no system of that name.
 */
export async function systemSource(client: Queryable, name: string): Promise<string | undefined> {
  const { rows } = await client.query<{ source: string }>(
    `select s.source from howdah.agent_systems as s
     where s.tenant_id = howdah.current_tenant() and s.name = $1`,
    [name],
  );
  return rows[0]?.source;
}

/** Lists the names of the tenant's systems. */
export async function listSystems(client: Queryable): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    'select s.name from howdah.agent_systems as s where s.tenant_id = howdah.current_tenant() order by s.name',
  );
  return rows.map(({ name }) => name);
}
