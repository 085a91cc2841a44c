import { expect, test } from 'vitest';
import { holdersOf, holdersQuery } from '../../../src/console/rows/trials/tool-holders.ts';
import type { ToolHolder } from '../../../src/console/server/operations.generated.ts';

// The agents that can call a tool in place of their model.

const agent = (name: string, facts: Partial<ToolHolder> = {}): ToolHolder => ({
  ...{ name, isActive: true, deletedAt: null, engine: 'builtin', humanInput: false },
  ...{ agentTools: { nodes: [] }, agentServers: { nodes: [] }, agentSkills: { nodes: [] } },
  ...facts,
});
const granted = { agentTools: { nodes: [{ toolId: 't' }] } };
const served = (allowedTools: string[] | null) => ({ agentServers: { nodes: [{ allowedTools }] } });
const tool = {
  ...{ id: 't', name: 'crm_find', kind: 'mcp', is_active: true, server_id: 's' },
  configuration: { tool: 'find' },
};
const offered = (status: 'accepted' | 'gone', isActive = true) => ({
  mcpServer: { isActive, mcpToolsByServerId: { nodes: [{ status }] } },
});

test('a tool of a server is one of the agents that the server allows it', () => {
  const nodes = [
    agent('all', served(null)),
    agent('some', served(['find'])),
    agent('others', served(['delete'])),
    agent('direct', granted),
    agent('idle', { ...granted, isActive: false }),
    agent('deleted', { ...granted, deletedAt: '2026-11-27' }),
    agent('remote', { ...granted, engine: 'a2a' }),
  ];
  const names = holdersOf(tool, { holders: { nodes }, ...offered('accepted') });
  expect(names).toEqual(['all', 'some', 'direct']);
  expect(holdersOf(tool, { holders: { nodes }, ...offered('gone') })).toEqual([]);
  expect(holdersOf(tool, { holders: { nodes }, ...offered('accepted', false) })).toEqual([]);
  expect(holdersOf({ ...tool, is_active: false }, { holders: { nodes }, ...offered('accepted') })) //
    .toEqual([]);
});

test('two tools of Howdah need no grant', () => {
  const nodes = [
    agent('asks', { humanInput: true }),
    agent('reads', { agentSkills: { nodes: [{ skillId: 'k' }] } }),
    agent('both', { ...granted, humanInput: true }),
  ];
  const own = { id: 't', kind: 'builtin', is_active: true, server_id: null, configuration: {} };
  const names = (name: string) =>
    holdersOf({ ...own, name }, { holders: { nodes: nodes.slice(2) }, all: { nodes } });
  expect(names('ask_user')).toEqual(['both', 'asks']);
  expect(names('load_skill')).toEqual(['both', 'reads']);
  expect(holdersQuery({ ...own, name: 'ask_user' })).toMatchObject({
    ...{ tool: 't', server: 't', hasServer: false, isForAll: true },
  });
  expect(holdersQuery({ ...own, name: 'calculator' }).isForAll).toBe(false);
});
