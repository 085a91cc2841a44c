import { TOOL_PROVIDER } from '../contracts/agents/engine.ts';
import type { ModelProvider } from '../contracts/agents/model.ts';
import { createFailure } from '../providers/failure.ts';

/**
 * A provider that takes the place of a model. The input of the run becomes the arguments of the
 * call, and the result of the call is the answer (strategies/tool.ts).
 */
export const toolEngine: ModelProvider = {
  name: TOOL_PROVIDER,
  async generate({ model, messages, tools }) {
    const name = model.model;
    if (!tools.some((tool) => tool.name === name)) {
      const message = `the agent has to call ${name}, but this tool is not assigned to it or not active: assign the tool in agent_tools`;
      return createFailure('invalid_request', message);
    }
    const question = messages.findLast(({ role }) => role === 'user');
    const id = `call_${messages.filter(({ role }) => role === 'user').length}`;
    const call = { id, name, arguments: question?.content?.trim() || '{}' };
    const usage = { tokens_in: 0, tokens_out: 0 };
    return {
      ok: true,
      value: { content: null, tool_calls: [call], finish_reason: 'tool_calls', usage },
    };
  },
};
