import { HowdahError } from '../../contracts/errors.ts';
import type { ApplyOptions, Plan } from '../../db/access/agent-systems.ts';
import { systemSource } from '../../db/access/agent-systems.ts';
import { inTenant, type Queryable } from '../../db/connection/pool.ts';
import { applySystems, type SystemFile } from '../../systems/apply.ts';
import { type Fault, fromPointer } from '../../systems/schema/fault.ts';
import type { CliDatabase } from '../backend/with-database.ts';
import { tenantOf } from '../input/resolve-tenant.ts';

type Options = ApplyOptions & {
  /** The command. An import uses it to recognise the objects of an earlier import. */
  origin: 'import fast-agent' | 'tools import-openapi';
  tenant?: string | undefined;
  /** The path of the stored file, if the file is stored. */
  out?: string | undefined;
  /** The work that runs before the transaction commits. */
  keep: () => Promise<void>;
};

/**
 * Applies an imported system. Overwrites nothing that existed before and was not imported. Throws
 * `HWCNF` with the owner of such an object. Then nothing was written, not even the file.
 */
export async function applyImported(
  { db, pool }: CliDatabase,
  system: { name: string; text: string },
  options: Options,
): Promise<Plan[]> {
  const { id } = await tenantOf(db, options.tenant);
  return inTenant(pool, id, async (client) => {
    await refuseOtherSystem(client, system.name, options.origin);
    const file: SystemFile = {
      name: options.out ?? 'import',
      text: system.text + mark(options.origin),
    };
    const plans = await applySystems(client, [file], options).catch((error) => {
      throw refusalOf(error, options.origin);
    });
    for (const plan of plans) refuseOverwriting(plan, options.origin);
    await options.keep();
    return plans;
  });
}

const mark = (origin: string): string => `# made by: howdah ${origin}\n`;
const byHand = (origin: string): string =>
  `To compare and then replace it: howdah ${origin} ${origin === 'import fast-agent' ? 'PATH' : 'FILE'} --out FILE, howdah diff FILE, howdah apply FILE.`;

async function refuseOtherSystem(client: Queryable, name: string, origin: string): Promise<void> {
  const source = await systemSource(client, name);
  if (source === undefined || source.endsWith(mark(origin))) return;
  throw new HowdahError(
    'HWCNF',
    `nothing was imported: the agent system ${JSON.stringify(name)} already exists and does not come from an import`,
    {
      hint: `Use another name: --name NAME. ${byHand(origin)}`,
      detail: { agent_system: name },
    },
  );
}

function refuseOverwriting({ objects }: Plan, origin: string): void {
  const taken = objects.filter(
    ({ action, ownership, before, after }) =>
      action === 'change' &&
      ownership === 'taken' &&
      JSON.stringify(before) !== JSON.stringify(after),
  );
  if (taken.length === 0) return;
  const named = taken.map(({ kind, name }) => ({ kind, name }));
  const lines = named.map(
    ({ kind, name }) =>
      `${kind} ${JSON.stringify(name)} already exists with other contents, and belongs to no agent system`,
  );
  throw new HowdahError('HWCNF', `nothing was imported: ${lines.join('\n')}`, {
    hint: `Rename or delete it, or ${origin === 'import fast-agent' ? 'rename the card' : 'add a prefix to the imported names: --prefix TEXT'}. ${byHand(origin)}`,
    detail: { taken: named },
  });
}

/**
 * Translates the faults of an import. They name their subject and not lines, because the file is
 * not stored yet.
 */
function refusalOf(error: unknown, origin: string): unknown {
  const { code, hint, detail } = error as HowdahError & { detail?: { faults?: Fault[] } };
  if (!(error instanceof HowdahError) || !detail?.faults) return error;
  const lines = detail.faults.map(({ path, message }) => {
    const place = fromPointer(path).join(' ');
    return place === '' ? message : `${place}: ${message}`;
  });
  const isTaken = detail.faults.some(
    ({ code, path }) => code === 'HWCNF' && path.endsWith('/kind'),
  );
  const fix =
    isTaken && origin === 'tools import-openapi'
      ? 'Add a prefix to the imported names: --prefix TEXT.'
      : hint;
  return new HowdahError(code, `nothing was imported: ${[...new Set(lines)].join('\n')}`, {
    ...(fix !== undefined && { hint: fix }),
    detail: {
      faults: detail.faults.map(({ path, message, code, hint: advice }) => ({
        ...{ path, message, code },
        ...(advice !== undefined && { hint: advice }),
      })),
    },
    cause: error,
  });
}
