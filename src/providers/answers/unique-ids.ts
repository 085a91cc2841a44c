import { randomUUID } from 'node:crypto';
import type { ModelRequest } from '../../contracts/agents/model.ts';
import type { ToolCall } from '../../contracts/runs/message.ts';

/** Returns calls with ids that no other call of the conversation has. Replaces the others. */
export function withUniqueIds(calls: readonly ToolCall[], { messages }: ModelRequest): ToolCall[] {
  const taken = new Set(
    messages.flatMap(({ tool_calls }) => (tool_calls ?? []).map(({ id }) => id)),
  );
  return calls.map((call) => {
    const id = call.id === '' || taken.has(call.id) ? `call_${randomUUID()}` : call.id;
    taken.add(id);
    return { ...call, id };
  });
}
