import { HowdahError } from '../contracts/errors.ts';
import type { Client, Plan } from '../db/agent-systems.ts';
import { inTenant, systemSource } from '../db/agent-systems.ts';
import { applySystems, type SystemFile } from '../systems/apply.ts';
import { type Fault, fromPointer } from '../systems/fault.ts';
import type { CliDatabase } from './database.ts';
import { tenantOf } from './tenants.ts';

/** By it an import knows what an import has made. */
const MARK = '# made by: howdah import fast-agent\n';
const BY_HAND =
  'Look at both first: howdah import fast-agent PATH --out FILE, howdah diff FILE, and howdah apply FILE takes over.';

type Options = {
  tenant?: string | undefined;
  /** Where the file is kept, if it is. */
  out?: string | undefined;
  /** Done before the transaction commits. */
  keep: () => Promise<void>;
};

/**
 * Applies what was imported, and overwrites nothing that was there before and not imported. Throws `HWCNF`, naming whose it
 * is, and then nothing was written, the file neither.
 */
export async function applyImported(
  { db, pool }: CliDatabase,
  system: { name: string; text: string },
  options: Options,
): Promise<Plan[]> {
  const { id } = await tenantOf(db, options.tenant);
  return inTenant(pool, id, async (client) => {
    await refuseOtherSystem(client, system.name);
    const file: SystemFile = { name: options.out ?? 'import', text: system.text + MARK };
    const plans = await applySystems(client, [file]).catch((error) => {
      throw refusalOf(error);
    });
    plans.forEach(refuseOverwriting);
    await options.keep();
    return plans;
  });
}

async function refuseOtherSystem(client: Client, name: string): Promise<void> {
  const source = await systemSource(client, name);
  if (source === undefined || source.endsWith(MARK)) return;
  throw new HowdahError(
    'HWCNF',
    `nothing was imported: there is an agent system ${JSON.stringify(name)} already, and it was not imported`,
    { hint: `Call this one otherwise: --name NAME. ${BY_HAND}`, detail: { agent_system: name } },
  );
}

function refuseOverwriting({ objects }: Plan): void {
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
      `${kind} ${JSON.stringify(name)} is there already, as something else, and belongs to no agent system`,
  );
  throw new HowdahError('HWCNF', `nothing was imported: ${lines.join('\n')}`, {
    hint: `Rename or delete it, or rename the card. ${BY_HAND}`,
    detail: { taken: named },
  });
}

/** The file is nowhere yet, so what is wrong is told by what it is about and not by lines. */
function refusalOf(error: unknown): unknown {
  const { code, hint, detail } = error as HowdahError & { detail?: { faults?: Fault[] } };
  if (!(error instanceof HowdahError) || !detail?.faults) return error;
  const lines = detail.faults.map(({ path, message }) => {
    const place = fromPointer(path).join(' ');
    return place === '' ? message : `${place}: ${message}`;
  });
  return new HowdahError(code, `nothing was imported: ${lines.join('\n')}`, {
    ...(hint !== undefined && { hint }),
    detail: { faults: detail.faults.map(({ path, message, code }) => ({ path, message, code })) },
    cause: error,
  });
}
