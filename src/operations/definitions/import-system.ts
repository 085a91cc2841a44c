import { z } from 'zod';
import { HowdahError } from '../../contracts/errors.ts';
import { type Plan, systemSource } from '../../db/access/agent-systems.ts';
import { secretsUsedElsewhere } from '../../db/access/secrets.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import { applySystems, type ReadSystem, type SystemFile } from '../../systems/apply.ts';
import { type Fault, fromPointer } from '../../systems/schema/fault.ts';
import { operation } from '../operation.ts';
import { plan } from './agent-systems.ts';

const text = z.string();

const importedFile = z.strictObject({
  name: text.max(400).describe('The name of the agent system in `text`'),
  text: text.describe('An agent system file'),
  origin: z
    .enum(['import fast-agent', 'tools import-openapi'])
    .describe('The command that made the file. It recognises the objects of an earlier import'),
  derived_secrets: z
    .array(z.strictObject({ name: text, scheme: text, host: text }))
    .max(1_000)
    .optional()
    .describe(
      'Secrets whose names were derived from the imported text, and the hosts that get them. An import that would send a secret of something else to a further host is refused',
    ),
  dry_run: z.boolean().optional().describe('Returns the planned changes without making them'),
  prune: z
    .boolean()
    .optional()
    .describe('Deletes what an earlier import made and this one does not'),
});

/** A file that was made from something else than an agent system file. */
export type ImportedFile = z.output<typeof importedFile>;
type Origin = ImportedFile['origin'];

/** Applies a file that was imported. Overwrites nothing that was not imported too. */
export const importSystem = operation({
  method: 'POST',
  path: '/agent-systems/import',
  id: 'importAgentSystem',
  tag: 'agent systems',
  summary: 'Apply an agent system that was imported',
  description:
    'Overwrites nothing that existed before and does not come from the same kind of import: then it answers 409 with the owner of such an object, and nothing is written.',
  body: importedFile,
  permission: { object: 'agent_systems' },
  answers: {
    200: { description: 'The changes', schema: z.object({ systems: z.array(plan) }) },
  },
  work: async (db, { body }) => ({ body: await applyImported(db, body, fileOf(body)) }),
});

/** Returns the file to apply. Its last line says where it comes from. */
export function fileOf({ text, origin }: ImportedFile): SystemFile {
  return { name: 'import', text: `${text.replace(/\n?$/, '\n')}${mark(origin)}` };
}

/**
 * Applies an imported file. Throws `HWCNF` if that would overwrite something that was not imported,
 * or send a secret of something else to a further host.
 */
export async function applyImported(
  db: Queryable,
  imported: ImportedFile,
  file: SystemFile | ReadSystem,
): Promise<{ systems: Plan[] }> {
  const { name, origin, derived_secrets = [], dry_run: dryRun = false, prune = false } = imported;
  await refuseOtherSystem(db, name, origin);
  await refuseOthersSecrets(db, name, derived_secrets);
  const systems = await applySystems(db, [file], { dryRun, prune }).catch((error) => {
    throw refusalOf(error, origin);
  });
  for (const one of systems) {
    if (one.name !== name) throw otherName(name, one.name);
    refuseOverwriting(one, origin);
  }
  return { systems };
}
const mark = (origin: Origin): string => `# made by: howdah ${origin}\n`;
const byHand = (origin: Origin): string =>
  `To compare and then replace it: howdah ${origin} ${origin === 'import fast-agent' ? 'PATH' : 'FILE'} --out FILE, howdah diff FILE, howdah apply FILE.`;

/**
 * Throws `HWCNF` if a secret that something else uses would be sent to the server of the author.
 * The author decides the name of a description, and so the name of the secret that is derived from
 * it. Such a secret is sent only if the importing user names it.
 */
async function refuseOthersSecrets(
  db: Queryable,
  system: string,
  derived: NonNullable<ImportedFile['derived_secrets']>,
): Promise<void> {
  const names = derived.map(({ name }) => name);
  const [used] = names.length > 0 ? await secretsUsedElsewhere(db, names, system) : [];
  const one = derived.find(({ name }) => name === used?.name);
  if (!used || !one) return;
  const { name, host, scheme } = one;
  throw new HowdahError(
    'HWCNF',
    `nothing was imported: the secret ${name} is used by ${used.used_by}, and would be sent to ${host} too`,
    {
      hint: `If ${host} may receive it: --secret ${scheme}=${name}. Otherwise use another secret: --secret ${scheme}=NAME`,
      detail: { secret: name, host, used_by: used.used_by },
    },
  );
}

async function refuseOtherSystem(client: Queryable, name: string, origin: Origin): Promise<void> {
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

function otherName(name: string, found: string): HowdahError {
  return new HowdahError(
    'HWINV',
    `nothing was imported: text is the system ${JSON.stringify(found)}, and name is ${JSON.stringify(name)}`,
    {
      hint: 'Send the name that stands in text.',
      detail: { field: 'name' },
    },
  );
}

function refuseOverwriting({ objects }: Plan, origin: Origin): void {
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
function refusalOf(error: unknown, origin: Origin): unknown {
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
