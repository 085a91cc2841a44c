import { z } from 'zod';
import { listRows } from '../../../db/queries/row-collection.ts';
import { noSuch, RequestRefusal } from '../../errors/request-refusal.ts';
import { byId, flag, object, page, pageOf } from '../../http/fields.ts';
import { crudRoutes } from '../framework/crud-resource.ts';
import { idIn, pageAnswer } from '../framework/pages.ts';
import { type Route, route } from '../framework/route.ts';
import { alertRules } from './alert-rules.ts';
import { mcpServers, models, prompts, resources, tools } from './definitions.ts';
import { workflowPerformance } from './performance.ts';
import { versionsRoute } from './versions.ts';
import { workflows } from './workflows.ts';

/** A tool in the format of OpenAI's API, for clients that pass the tool to a model. */
const openaiTool = z.object({
  type: z.literal('function'),
  function: z.object({ name: z.string(), description: z.string(), parameters: object }),
});
const toolWithFunction = z.object({ ...tools.row.shape, ...openaiTool.shape });

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
  }),
  answers: {
    200: {
      description: 'A page of tools',
      schema: pageOf(toolWithFunction).extend({
        offered: z
          .array(openaiTool)
          .optional()
          .describe(
            'Lists all tools offered to the models of the agent, including sub-agents and workflows',
          ),
      }),
    },
  },
  async work(db, { query: { limit, cursor, agent, is_active }, url }) {
    const before = idIn(cursor, url);
    const agentCondition = `t.id in (
      select x.tool_id from howdah.agent_tools as x where x.agent_id = howdah.agent(?))`;
    const found = await listRows(db, tools.collection, {
      where: [
        ...(agent === undefined ? [] : [[agentCondition, agent] as const]),
        ...(is_active === undefined ? [] : [['t.is_active = ?', is_active] as const]),
      ],
      limit: limit + 1,
      ...(before !== undefined && { before }),
    });
    const rows = found.rows.map((row) => {
      const { name, description, parameters } = row;
      return { ...row, type: 'function', function: { name, description, parameters } };
    });
    const answer = pageAnswer({ ...found, rows }, limit, url, (row) => row.id);
    if (agent === undefined) return answer;
    const list = await db.query('select howdah.agent_tool_list($1) as offered', [agent]);
    return { ...answer, body: { ...(answer.body as object), ...list.rows[0] } };
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
  ...crudRoutes(workflows),
  versionsRoute(workflows),
  workflowPerformance,
  ...crudRoutes(models),
  ...crudRoutes(prompts),
  versionsRoute(prompts),
  toolRegistry,
  ...crudRoutes(tools),
  ...crudRoutes(mcpServers),
  ...crudRoutes(resources),
  ...crudRoutes(alertRules),
  resourceContent,
];
