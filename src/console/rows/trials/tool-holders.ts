import { isJsonObject, type JsonObject } from '../../../json/json.ts';
import type {
  ToolHolder,
  ToolHolders,
  ToolHoldersVariables,
} from '../../server/operations.generated.ts';

/** Built-in tools that agents have without a grant. */
const UNGRANTED = ['ask_user', 'load_skill'];

/** Returns the variables of the query for the agents that may have a tool. */
export function holdersQuery(tool: JsonObject): ToolHoldersVariables {
  const { id, name, kind, server_id: server } = tool;
  return {
    tool: String(id),
    server: String(server ?? id), // no server has the id of a tool
    hasServer: typeof server === 'string',
    remoteName: remoteNameOf(tool),
    isForAll: kind === 'builtin' && UNGRANTED.includes(String(name)),
  };
}

/**
 * Returns the names of the agents that can call a tool in place of their model: those that are
 * active, have no external engine, and have the tool, as `howdah_private.agent_definition` decides.
 */
export function holdersOf(tool: JsonObject, { holders, all, mcpServer }: ToolHolders): string[] {
  const [offer] = mcpServer?.mcpToolsByServerId.nodes ?? [];
  const isOffered =
    typeof tool.server_id !== 'string' || (mcpServer?.isActive && offer?.status === 'accepted');
  if (tool.is_active !== true || !isOffered) return [];
  const agents = [...(holders?.nodes ?? []), ...(all?.nodes ?? [])].filter((one) => one !== null);
  const names = agents
    .filter((one) => one.isActive && one.deletedAt === null && one.engine === 'builtin')
    .filter((one) => hasTool(one, tool))
    .map(({ name }) => name);
  return [...new Set(names)];
}

function hasTool(agent: ToolHolder, tool: JsonObject): boolean {
  if (agent.agentTools.nodes.length > 0) return true;
  const remoteName = remoteNameOf(tool);
  const isOfServer = agent.agentServers.nodes.some(
    (one) => one && (one.allowedTools?.includes(remoteName) ?? true),
  );
  if (isOfServer || tool.kind !== 'builtin') return isOfServer;
  if (tool.name === 'ask_user') return agent.humanInput;
  return tool.name === 'load_skill' && agent.agentSkills.nodes.length > 0;
}

/** The name that the server of a tool knows it by. */
function remoteNameOf({ configuration }: JsonObject): string {
  const name = isJsonObject(configuration) ? configuration.tool : undefined;
  return typeof name === 'string' ? name : '';
}
