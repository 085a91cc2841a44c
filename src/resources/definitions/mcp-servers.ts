import { z } from 'zod';
import { flag, object, time } from '../fields.ts';
import { resource } from '../resource.ts';
import { byName, owner, times } from './columns.ts';

/** MCP servers, whose tools agents call. */
export const mcpServers = resource('mcp_servers', {
  path: '/api/mcp-servers',
  one: 'MCP server',
  command: {
    noun: 'dev mcp',
    list: ['id', 'name', 'type', 'is_active', 'discovered_at', 'error'],
    empty: 'No MCP servers. Add a row to howdah.mcp_servers (see docs/mcp.md)',
  },
  columns: {
    name: z.string(),
    description: z.string().optional(),
    type: z
      .enum(['stdio', 'http', 'filesystem', 'fetch'])
      .describe('stdio, http, or the commands filesystem and fetch, which use stdio'),
    configuration: object,
    trusts_annotations: z.boolean().optional(),
    is_active: z.boolean().optional(),
  },
  readOnly: {
    server_info: object.nullable(),
    discovered_at: time.nullable(),
    error: z.string().nullable(),
    failed_at: time.nullable(),
    ...owner,
    ...times,
  },
  computed: {
    tools: {
      sql: `(select coalesce(to_jsonb(array_agg(jsonb_build_object('name', m.name, 'status', m.status,
        'description', m.description, 'digest', m.digest) order by m.name)), '[]') from howdah.mcp_tools as m where m.server_id = t.id)`,
      schema: z
        .array(object)
        .describe('The name, status, description and digest of each tool that the server offers'),
    },
  },
  // The stamp omits what workers discover in the meantime, so that a client that has just created a
  // server can change it.
  stamp: 'row(t.name, t.description, t.type, t.configuration, t.trusts_annotations, t.is_active)',
  examples: {
    create: {
      name: 'shelf',
      type: 'http',
      configuration: { url: 'https://shelf.example.com/mcp' },
    },
    change: { is_active: false },
  },
  filters: { ...byName, is_active: flag.optional() },
  aliases: { server_id: 'id' },
  async valuesOf(body, db) {
    const { type, configuration } = body as { type?: string; configuration?: object };
    if (type !== 'filesystem' && type !== 'fetch') return body;
    const { rows } = await db.query<{ entry: { type: string } }>(
      'select howdah_private.without_preset($1) as entry',
      [JSON.stringify({ args: [], ...configuration, type })],
    );
    const { type: known, ...written } = rows[0]?.entry ?? { type };
    return { ...body, type: known, configuration: written };
  },
});
