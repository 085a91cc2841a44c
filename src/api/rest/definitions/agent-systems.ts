import { z } from 'zod';
import { exportDocument } from '../../../db/access/agent-systems.ts';
import { type Collection, findRow } from '../../../db/queries/row-collection.ts';
import {
  applyAll,
  applyFiles,
  exportSystem,
  plan,
  sentFile,
} from '../../../operations/definitions/agent-systems.ts';
import {
  applyImported,
  fileOf,
  type ImportedFile,
  importSystem,
} from '../../../operations/definitions/import-system.ts';
import { answerPage } from '../../../operations/pagination.ts';
import { columnList } from '../../../resources/column-list.ts';
import { equalTo } from '../../../resources/equal-to.ts';
import { byId, flag, id, object, page, pageOf, time } from '../../../resources/fields.ts';
import { noSuch } from '../../../resources/request-refusal.ts';
import { applySystems, readSystems, type SystemFile, trySystems } from '../../../systems/apply.ts';
import { threadReader } from '../../../systems/file-reader.ts';
import { writeFile } from '../../../systems/write-file.ts';
import { type Route, type RouteInput, route } from '../framework/route.ts';

const YAML = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml'] as const;

const heading = z.object({
  id,
  name: z.string(),
  description: z.string(),
  orchestrator: z.string().nullable(),
  version: z.int(),
  digest: z.string(),
  created_at: time,
  updated_at: time,
});

const resolved = heading
  .extend({
    resolved: object.describe('All parts by value; each agent has its final_system_prompt'),
  })
  .meta({ id: 'AgentSystem' });

const collectionOf = (schema: z.ZodObject): Collection => ({
  table: 'agent_systems',
  shown: columnList(schema.shape),
});
const headings = collectionOf(heading);
const systems = collectionOf(resolved);

const text = z.string();
type SentFiles = { files: SystemFile[]; dry_run?: boolean; prune?: boolean };

const checkResult = z.object({
  file: text,
  valid: z.boolean(),
  counts: z.record(text, z.int()).describe('The number of entries in each section'),
  faults: z.array(
    z.object({
      file: text,
      line: z.int(),
      column: z.int(),
      path: text.describe('A JSON pointer'),
      message: text,
      hint: text.optional(),
      code: text,
    }),
  ),
  warnings: z.array(text),
});

/**
 * Route that checks whether files can be applied one after the other. All changes are rolled back.
 */
const check = route({
  method: 'POST',
  path: '/agent-systems/check',
  id: 'checkAgentSystems',
  tag: 'agent systems',
  summary: 'Check files of agent systems without applying them',
  description:
    'Checks whether the files can be applied one after the other, and returns all faults. A file may refer to parts of the files before it. The other files of a pack are its `parts`: [{name, path, text}]. Requires the right to apply systems.',
  body: z.strictObject({ files: z.array(sentFile).min(1).max(100) }),
  permission: { object: 'agent_systems' },
  answers: {
    200: {
      description: 'The faults of each file',
      schema: z.object({ valid: z.boolean(), files: z.array(checkResult) }),
    },
  },
  async serve({ body, identity }, { transaction }) {
    const systems = await readSystems(body.files as SystemFile[], threadReader(identity.tenantId));
    const tried = await transaction(async (db) => {
      await db.query('savepoint checked');
      const all = await trySystems(db, systems);
      await db.query('rollback to savepoint checked');
      return all;
    });
    const files = tried.map(({ file, faults, plan, counts = {} }) => ({
      ...{ file: file.name, valid: faults.length === 0, counts, faults },
      warnings: plan?.warnings ?? [],
    }));
    return { body: { valid: files.every(({ valid }) => valid), files } };
  },
});

/** Route that applies many files. They are read before the transaction, in another thread. */
const applyMany: Route = {
  ...applyFiles,
  async serve({ body, identity }: RouteInput<never, never, SentFiles>, { transaction }) {
    const files = await readSystems(body.files, threadReader(identity.tenantId));
    return { body: await transaction((db) => applyAll(db, { ...body, files })) };
  },
};

/** Route that applies an imported file. It is read before the transaction, in another thread. */
const importOne: Route = {
  ...importSystem,
  async serve({ body, identity }: RouteInput<never, never, ImportedFile>, { transaction }) {
    const [file] = await readSystems([fileOf(body)], threadReader(identity.tenantId));
    return { body: await transaction((db) => applyImported(db, body, file ?? fileOf(body))) };
  },
};

/**
 * Routes that apply files of agent systems, show the systems resolved, and export them as files.
 */
export const agentSystemRoutes: Route[] = [
  route({
    method: 'POST',
    path: '/agent-systems',
    id: 'applyAgentSystem',
    tag: 'agent systems',
    summary: 'Apply the file of an agent system',
    description:
      'Applies the whole file. If the file has faults, applies nothing and returns a list of all of them. The schema of files is at /schemas/agent-system.v1.json.',
    query: z.strictObject({
      dry_run: flag.optional().describe('Returns the planned changes without making them'),
      prune: flag
        .optional()
        .describe('Deletes rows that the system owns and the file no longer contains'),
      file: z.string().max(200).optional().describe('The file name shown in messages about faults'),
    }),
    body: z.string(),
    bodyTypes: [...YAML, 'application/json'],
    permission: { object: 'agent_systems' },
    answers: {
      200: { description: 'The planned changes', schema: plan },
      201: { description: 'The changes that were made', schema: plan },
    },
    async serve({ body, query, headers, identity }, { transaction }) {
      const { dry_run: dryRun = false, prune = false } = query;
      const isJson = headers['content-type']?.startsWith('application/json');
      const name = isJson ? 'agent-system.json' : 'agent-system.yaml';
      const file = { name: query.file ?? name, text: body };
      const systems = await readSystems([file], threadReader(identity.tenantId));
      const [done] = await transaction((db) => applySystems(db, systems, { dryRun, prune }));
      if (dryRun) return { body: done };
      return { status: 201, headers: { location: `/agent-systems/${done?.id}` }, body: done };
    },
  }),
  check,
  applyMany,
  importOne,
  exportSystem,
  route({
    method: 'GET',
    path: '/agent-systems',
    id: 'listAgentSystems',
    tag: 'agent systems',
    summary: 'List agent systems, newest first',
    isReplicable: true,
    query: z.strictObject({ ...page, name: z.string().optional() }),
    answers: { 200: { description: 'A page of agent systems', schema: pageOf(heading) } },
    async work(db, { query, url }) {
      return answerPage(db, headings, equalTo({ name: query.name }), query, url);
    },
  }),
  route({
    method: 'GET',
    path: '/agent-systems/{id}',
    id: 'getAgentSystem',
    tag: 'agent systems',
    summary: 'Get a resolved agent system',
    params: byId,
    answers: { 200: { description: 'The agent system', schema: resolved } },
    async work(db, { params }) {
      const found = await findRow(db, systems, params.id);
      if (!found) throw noSuch('agent system', params.id);
      return { body: found.row, tag: found.tag };
    },
  }),
  route({
    method: 'GET',
    path: '/agent-systems/{id}/export',
    id: 'exportAgentSystem',
    tag: 'agent systems',
    summary: 'Export an agent system as a file',
    description: 'The same system always gives the same bytes.',
    params: byId,
    query: z.strictObject({ format: z.enum(['yaml', 'json']).default('yaml') }),
    answers: { 200: { description: 'The file', type: 'application/yaml' } },
    async work(db, { params, query }) {
      const found = await findRow(db, headings, params.id);
      if (!found) throw noSuch('agent system', params.id);
      const { document, left_out } = await exportDocument(db, String(found.row.name));
      if (query.format === 'json') return { body: document };
      const gone = left_out
        .map(({ path, message }) => `# left out: ${path}: ${message}\n`)
        .join('');
      return {
        text: { type: 'application/yaml; charset=utf-8', content: `${gone}${writeFile(document)}` },
      };
    },
  }),
];
