import {
  type ListToolsResult,
  ProtocolError,
  ProtocolErrorCode,
  type Tool,
} from '@modelcontextprotocol/server';
import { HowdahError } from '../../contracts/errors.ts';
import {
  mayRun,
  type OfferedTool,
  offeredTool,
  offeredTools,
  startRun,
} from '../../db/mcp/offered-tools.ts';
import type { JsonObject } from '../../json/json.ts';
import { displayable } from '../../text/displayable.ts';
import type { Caller } from '../caller.ts';
import { answerTool } from './answer-tool.ts';

/** Tools on one page. The page is large, because most clients do not ask for more pages. */
const TOOLS_PER_PAGE = 1_000;

/**
 * Lists the agents and workflows that the caller may run, by name. The first page also has the tool
 * for answers.
 */
export async function listAgentTools(caller: Caller, cursor?: string): Promise<ListToolsResult> {
  return caller.transact(async (client) => {
    const rows = await offeredTools(client, cursor, TOOLS_PER_PAGE + 1);
    const tools = rows.slice(0, TOOLS_PER_PAGE).map(asTool);
    if (cursor === undefined && (await mayRun(client))) tools.push(answerTool);
    const isMore = rows.length > TOOLS_PER_PAGE;
    return { tools, ...(isMore && { nextCursor: rows[TOOLS_PER_PAGE - 1]?.tool }) };
  });
}

function asTool({ tool, kind, name, description, parameters }: OfferedTool): Tool {
  return {
    name: tool,
    title: name,
    description: description || `The ${kind} ${name}.`,
    inputSchema: { type: 'object', ...parameters } as Tool['inputSchema'],
  };
}

/** Returns whether a tool is called without a model. */
export function callsTool(caller: Caller, name: string): Promise<boolean> {
  return caller.transact(async (client) => Boolean((await offeredTool(client, name))?.calls));
}

/**
 * Starts a run of the agent, workflow or tool behind a name, and returns its id. Throws
 * `ProtocolError` if there is no such tool, and the errors of the insert.
 */
export async function startRunByTool(
  caller: Caller,
  name: string,
  args: JsonObject,
  { metadata, causedBy }: { metadata: JsonObject; causedBy?: string | undefined },
): Promise<{ id: string; isOneTool: boolean }> {
  return caller.transact(async (client) => {
    if (causedBy) await client.query(`select set_config('howdah.caused_by', $1, true)`, [causedBy]);
    const offered = await offeredTool(client, name);
    if (!offered) throw unknownTool(name);
    if (offered.calls !== null) {
      const message = JSON.stringify(args);
      const id = await startRun(client, offered, { message, data: undefined, metadata });
      return { id, isOneTool: true };
    }
    const { message, input_data: data, ...others } = args;
    const [other] = Object.keys(others);
    if (other !== undefined)
      throw invalidArgument(other, 'is not a parameter of the tool', offered);
    if (typeof message !== 'string') throw invalidArgument('message', 'must be a text', offered);
    const input = { message, data: data ?? undefined, metadata };
    return { id: await startRun(client, offered, input), isOneTool: false };
  });
}

function invalidArgument(field: string, fault: string, { parameters }: OfferedTool): HowdahError {
  const known = Object.keys((parameters.properties ?? {}) as JsonObject).join(', ');
  return new HowdahError('HWINV', `${field} ${fault}`, {
    hint: `Parameters of the tool: ${known}.`,
    detail: { field },
  });
}

function unknownTool(name: string): ProtocolError {
  return new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    `Unknown tool: ${displayable(name)}. Call tools/list for the known tools.`,
    { code: 'HWNTF' },
  );
}
