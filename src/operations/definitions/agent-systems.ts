import { z } from 'zod';
import { exportDocument, listSystems, type Plan } from '../../db/access/agent-systems.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import { flag, id, object } from '../../resources/fields.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import { applySystems, type ReadSystem, type SystemFile } from '../../systems/apply.ts';
import { joinNames } from '../../text/join-names.ts';
import { operation } from '../operation.ts';

const text = z.string();

/** The changes that an apply makes or would make. */
export const plan = z.object({
  id,
  name: text,
  version: z.int(),
  digest: text,
  dry_run: z.boolean(),
  objects: z.array(object).describe('create, change, unchanged or delete, for each'),
  kept: z.array(object).describe('Rows that the system owns and the file does not contain'),
  warnings: z.array(text),
});

/** A file as it is sent. */
export const sentFile = z.strictObject({
  name: text
    .max(400)
    .describe('The file name shown in faults; the name of a JSON file ends in .json'),
  text,
  parts: z
    .array(z.strictObject({ name: text, path: text.describe('The path inside the pack'), text }))
    .optional()
    .describe('The other files of a pack, when `text` is the manifest of the pack'),
});

const files = z.strictObject({
  files: z.array(sentFile).min(1).max(100),
  dry_run: z.boolean().optional().describe('Returns the planned changes without making them'),
  prune: z
    .boolean()
    .optional()
    .describe('Deletes rows that a system owns and its file no longer contains'),
});
type Files = Omit<z.output<typeof files>, 'files'> & {
  files: readonly (SystemFile | ReadSystem)[];
};

/** Applies all files, or none of them. */
export async function applyAll(
  db: Queryable,
  { files, dry_run: dryRun = false, prune = false }: Files,
): Promise<{ systems: Plan[] }> {
  return { systems: await applySystems(db, files, { dryRun, prune }) };
}

/** Applies files of agent systems in one transaction. */
export const applyFiles = operation({
  method: 'POST',
  path: '/agent-systems/apply',
  id: 'applyAgentSystems',
  tag: 'agent systems',
  summary: 'Apply files of agent systems, all or none',
  description:
    'A file may refer to parts of the files before it. If any file has faults, applies nothing and returns a list of all of them. The other files of a pack are its `parts`: [{name, path, text}].',
  body: files,
  permission: { object: 'agent_systems' },
  answers: {
    200: {
      description: 'The changes to each system, in the order of the files',
      schema: z.object({ systems: z.array(plan) }),
    },
  },
  work: async (db, { body }) => ({ body: await applyAll(db, body as Files) }),
});

/** Exports an agent system as the content of its file. */
export const exportSystem = operation({
  method: 'GET',
  path: '/agent-systems/export',
  id: 'exportAgentSystems',
  tag: 'agent systems',
  summary: 'Export an agent system, or what belongs to none, as a document',
  description:
    'Without a name, exports the only agent system. If there is none, exports the rows that belong to no agent system.',
  isReplicable: true,
  query: z.strictObject({
    name: text.optional().describe('The name of the agent system'),
    unowned: flag
      .optional()
      .describe('true exports the rows that belong to no agent system, named after the tenant'),
  }),
  answers: {
    200: {
      description: 'The content of the file, and references to deleted rows, which it leaves out',
      schema: z.object({
        document: object,
        left_out: z.array(z.object({ path: text.describe('A JSON pointer'), message: text })),
      }),
    },
  },
  async work(db, { query: { name, unowned } }) {
    if (name !== undefined && unowned) {
      throw new RequestRefusal(400, 'name and unowned exclude each other', {
        hint: 'Send only one of them.',
        detail: { field: 'unowned' },
      });
    }
    const wanted = unowned ? undefined : (name ?? (await onlySystem(db)));
    return { body: await exportDocument(db, wanted) };
  },
});

/**
 * Returns the name of the only system. Returns undefined if there is no system: rows made by hand
 * are then exported. Throws `HWINV`.
 */
async function onlySystem(db: Queryable): Promise<string | undefined> {
  const names = await listSystems(db);
  if (names.length < 2) return names[0];
  throw new RequestRefusal(400, 'the name is missing, and there are several agent systems', {
    hint: `There are: ${joinNames(names)}. To export what belongs to none of them, set unowned.`,
    detail: { field: 'name' },
  });
}
