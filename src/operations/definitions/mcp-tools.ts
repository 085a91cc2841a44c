import { z } from 'zod';
import { acceptMcpTool } from '../../db/mcp/servers.ts';
import { findRow } from '../../db/queries/row-collection.ts';
import { mcpServers } from '../../resources/definitions/mcp-servers.ts';
import { byId, id } from '../../resources/fields.ts';
import { noSuch } from '../../resources/request-refusal.ts';
import { operation } from '../operation.ts';

/** Accepts the current description of a tool of an MCP server, so that agents may use the tool. */
export const acceptTool = operation({
  method: 'POST',
  path: '/api/mcp-servers/{id}/accept-tool',
  id: 'acceptMcpTool',
  tag: 'mcp-servers',
  summary: 'Accept the current description of a tool, so that agents may use it',
  description: 'The field tools of the server has the description and digest of each tool.',
  params: byId,
  body: z.strictObject({
    tool: z.string().describe('The name of the tool on its server'),
    digest: z.string().optional().describe('Accepts only the description with this digest'),
  }),
  answers: {
    200: {
      description: 'The accepted tool',
      schema: z.object({ id, name: z.string(), status: z.string(), digest: z.string() }),
    },
  },
  async work(db, { params, body }) {
    const found = await findRow(db, mcpServers.collection, params.id);
    if (!found) throw noSuch(mcpServers.one, params.id);
    return { body: await acceptMcpTool(db, { server: String(found.row.name), ...body }) };
  },
});
