import { TOOL_PROVIDER } from '../contracts/agents/engine.ts';
import type { ModelProvider } from '../contracts/agents/model.ts';
import { failed } from '../providers/failure.ts';

/** Stands in for a model: what the run was told is the arguments of the call. What comes of it is the answer (strategies/tool.ts). */
export const toolEngine: ModelProvider = {
  name: TOOL_PROVIDER,
  async generate({ model, messages, tools }) {
    const name = model.model;
    if (!tools.some((tool) => tool.name === name)) {
      const message = `the agent is to call ${name}, which it is not given or which is not active: give it the tool in agent_tools`;
      return failed('invalid_request', message);
    }
    const asked = messages.findLast(({ role }) => role === 'user');
    const id = `call_${messages.filter(({ role }) => role === 'user').length}`;
    const call = { id, name, arguments: asked?.content?.trim() || '{}' };
    const usage = { tokens_in: 0, tokens_out: 0 };
    return {
      ok: true,
      value: { content: null, tool_calls: [call], finish_reason: 'tool_calls', usage },
    };
  },
};
