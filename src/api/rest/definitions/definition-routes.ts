import { z } from 'zod';
import type { Queryable } from '../../../db/connection/pool.ts';
import { type Condition, listRows } from '../../../db/queries/row-collection.ts';
import { idIn, pageAnswer } from '../../../operations/pagination.ts';
import { prompts } from '../../../resources/definitions/prompts.ts';
import { skills } from '../../../resources/definitions/skills.ts';
import { tools } from '../../../resources/definitions/tools.ts';
import { workflows } from '../../../resources/definitions/workflows.ts';
import { byId, flag, names, object, page, pageOf } from '../../../resources/fields.ts';
import { noSuch, RequestRefusal } from '../../../resources/request-refusal.ts';
import { scheduleRoutes } from '../automation/schedules.ts';
import { type Route, route } from '../framework/route.ts';
import { testModel } from './model-test.ts';
import { workflowPerformance } from './performance.ts';
import { versionRoutes } from './versions.ts';

/** A tool in the format of OpenAI's API, for clients that pass the tool to a model. */
const openaiTool = z.object({
  type: z.literal('function'),
  function: z.object({ name: z.string(), description: z.string(), parameters: object }),
});
/** The abilities of a tool. The actions of a sub-agent are the tools that it may call. */
const toolProfile = z.object({
  capabilities: names,
  domain: z.string().nullable(),
  actions: z
    .array(z.object({ name: z.string(), description: z.string(), parameters: object.nullable() }))
    .optional()
    .describe('The tools that a sub-agent may call, at most 100; only in tools of kind agent'),
});
const offeredTool = openaiTool.extend(toolProfile.shape);
const toolWithFunction = z.object({
  ...tools.row.shape,
  ...openaiTool.shape,
  ...toolProfile.shape,
});

/** The tools with their profiles, each in the same statement as its row. */
const profiledTools = {
  ...tools.collection,
  shown: `${tools.collection.shown}, howdah_private.tool_profile(t, null) as profile`,
};

/** Returns the conditions of a query of the registry. */
function conditionsOf(query: {
  agent?: string | undefined;
  is_active?: boolean | undefined;
  capability?: string | undefined;
  domain?: string | undefined;
}): Condition[] {
  const conditions: [sql: string, value: unknown][] = [
    [
      't.id in (select x.tool_id from howdah.agent_tools as x where x.agent_id = howdah.agent(?))',
      query.agent,
    ],
    ['t.is_active = ?', query.is_active],
    ['? = any (howdah_private.tool_capabilities(t))', query.capability],
    ['howdah_private.tool_domain(t) = ?', query.domain],
  ];
  return conditions.filter(([, value]) => value !== undefined);
}

type OfferedTool = z.output<typeof offeredTool>;

/** Returns the tools that the models of an agent are offered. */
async function offeredTools(db: Queryable, agent: string): Promise<OfferedTool[]> {
  const { rows } = await db.query<{ offered: OfferedTool[] }>(
    'select howdah.agent_tool_list($1) as offered',
    [agent],
  );
  return rows[0]?.offered ?? [];
}

/** Returns a tool with the actions that the agent may have its sub-agent do. */
function withAllowedActions<Row extends { function: { name: unknown } }>(
  row: Row,
  offered: readonly OfferedTool[],
): Row {
  const { actions } = offered.find((tool) => tool.function.name === row.function.name) ?? {};
  return actions ? { ...row, actions } : row;
}

/** Route that lists the tools of the registry, or the tools of one agent. */
const toolRegistry = route({
  method: 'GET',
  path: '/tools',
  id: 'listToolRegistry',
  tag: 'tools',
  summary: 'List all tools, or the tools of an agent, newest first',
  query: z.strictObject({
    ...page,
    agent: z.string().optional().describe('The name of an agent'),
    is_active: flag.optional(),
    capability: z.string().optional().describe('A capability of the tool or of its sub-agent'),
    domain: z.string().optional().describe('The subject of the tool or of its sub-agent'),
  }),
  answers: {
    200: {
      description: 'A page of tools',
      schema: pageOf(toolWithFunction).extend({
        offered: z
          .array(offeredTool)
          .optional()
          .describe(
            'Lists all tools offered to the models of the agent, including sub-agents and workflows',
          ),
      }),
    },
  },
  async work(db, { query: { limit, cursor, ...query }, url }) {
    const { agent } = query;
    const before = idIn(cursor, url);
    const found = await listRows(db, profiledTools, {
      where: conditionsOf(query),
      limit: limit + 1,
      ...(before !== undefined && { before }),
    });
    const rows = found.rows.map(({ profile, ...row }) => {
      const { name, description, parameters } = row;
      const definition = { type: 'function', function: { name, description, parameters } };
      return { ...row, ...definition, ...(profile as object) };
    });
    const offered = agent === undefined ? undefined : await offeredTools(db, agent);
    const allowed = offered ? rows.map((row) => withAllowedActions(row, offered)) : rows;
    const answer = pageAnswer({ ...found, rows: allowed }, limit, url, (row) => row.id);
    return offered ? { ...answer, body: { ...(answer.body as object), offered } } : answer;
  },
});

const resourceContent = route({
  method: 'GET',
  path: '/api/resources/{id}/content',
  id: 'getResourceContent',
  tag: 'resources',
  summary: 'Get the content of a resource',
  params: byId,
  answers: { 200: { description: 'The bytes of the file, sent as an attachment', type: '*/*' } },
  async work(db, { params }) {
    const { rows } = await db.query<{ type: string; bytes: Buffer | null; name: string }>(
      'select r.type, r.bytes, r.name from howdah.resources as r where r.id = $1',
      [params.id],
    );
    const [file] = rows;
    if (!file) throw noSuch('resource', params.id);
    if (!file.bytes) {
      throw new RequestRefusal(
        400,
        `the content of ${file.name} is stored on disk by the workers, not in the database`,
        {
          hint: 'The field storage_path gives the path of the file.',
          detail: { resource_id: params.id },
        },
      );
    }
    const name = encodeURIComponent(file.name).replaceAll(
      /['()*]/g,
      (one) => `%${one.charCodeAt(0).toString(16)}`,
    );
    return {
      text: { type: file.type, content: file.bytes },
      headers: { 'content-disposition': `attachment; filename*=UTF-8''${name}` },
    };
  },
});

/** Routes of the definitions that runs use, besides agents. */
export const definitionRoutes: Route[] = [
  ...versionRoutes(workflows),
  workflowPerformance,
  testModel,
  ...versionRoutes(prompts),
  ...versionRoutes(skills),
  toolRegistry,
  resourceContent,
  ...scheduleRoutes,
];
