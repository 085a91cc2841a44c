import { expect, test } from 'vitest';
import type { ToolDefinition } from '../../../src/contracts/agents/definition.ts';
import type { ToolContext } from '../../../src/contracts/agents/tool.ts';
import { deadline } from '../../../src/runtime/environment/deadline.ts';
import type { RuntimeDependencies } from '../../../src/runtime/environment/runtime-dependencies.ts';
import type { HeldRun } from '../../../src/runtime/held-run/held-run.ts';
import { runWithToolIo } from '../../../src/runtime/tool-invocation/run-with-tool-io.ts';

test('a tool that asks an unanswered question is aborted by its signal', async () => {
  const time = deadline(new AbortController().signal, 60_000);
  const context = { execution_id: 'e', tenant_id: 't', signal: time.signal } as ToolContext;
  const tool = { name: 'book', configuration: {} } as ToolDefinition;
  const run = { state: { steps_since_answer: [] } } as unknown as HeldRun;
  const seen: unknown[] = [];
  const outcome = await runWithToolIo(
    tool,
    context,
    'c1',
    run,
    {} as RuntimeDependencies,
    time.abort,
    (talk) => {
      talk.signal.addEventListener('abort', () => seen.push(talk.signal.reason.name));
      return talk.elicit('Which seat?').then(() => ({ ok: true, value: 'booked' }));
    },
  );
  time.clear();
  expect(outcome).toMatchObject({ asks: { prompt: expect.stringContaining('Which seat?') } });
  expect(seen).toEqual(['AbortError']);
});
