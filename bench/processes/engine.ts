import { pino } from 'pino';
import type { ModelProvider } from '../../src/contracts/agents/model.ts';
import type { CustomTool, ToolContext } from '../../src/contracts/agents/tool.ts';
import type { ToolCall } from '../../src/contracts/runs/message.ts';
import { startWorker, type Worker } from '../../workers/main.ts';

export type EngineOptions = {
  url: string;
  concurrency: number;
  /** Called when a model request of a run arrives; it is answered when what this gives has resolved. */
  onModelCall?: (input: string, signal: AbortSignal) => void | Promise<void>;
  /** Returns the calls of a model's first answer, in the place of those the input says. */
  firstCalls?: (input: string) => ToolCall[] | undefined;
  /** Called when the tool is called; it gives its bytes when what this gives has resolved. */
  onToolCall?: (context: ToolContext) => Promise<void>;
};

/** Bytes a step has to keep; random, so that nothing compresses them away. */
const PAYLOAD_BYTES = 500;

/**
 * The whole engine, with a model and a tool that take no time of their own: the model calls the tool as often as the
 * input says ("19 ping" means 19 calls) and then answers.
 */
export function startEngine(options: EngineOptions): Promise<Worker> {
  const provider: ModelProvider = {
    name: 'bench',
    async generate({ messages }, { signal }) {
      const input = messages.find(({ role }) => role === 'user')?.content ?? '';
      await options.onModelCall?.(input, signal);
      const calls = Number.parseInt(input, 10) || 0;
      const made = messages.filter(({ role }) => role === 'tool').length;
      const more = made < calls;
      const firstCalls = made === 0 ? options.firstCalls?.(input) : undefined;
      const pings = more ? [{ id: `call_${made}`, name: 'ping', arguments: '{}' }] : [];
      const tool_calls = firstCalls ?? pings;
      return {
        ok: true,
        value: {
          content: tool_calls.length > 0 ? null : 'done',
          tool_calls,
          finish_reason: tool_calls.length > 0 ? 'tool_calls' : 'stop',
          usage: { tokens_in: 1, tokens_out: 1 },
        },
      };
    },
  };
  return startWorker({
    url: options.url,
    concurrency: options.concurrency,
    release: 'bench',
    builtins: [],
    tools: [options.onToolCall ? { ...ping, run: slowly(options.onToolCall) } : ping],
    log: pino({ level: 'silent' }),
    provider: () => ({ ok: true, value: provider }),
  });
}

const randomText = (): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(PAYLOAD_BYTES * 0.75))).toString('base64');

const ping: CustomTool = {
  name: 'ping',
  description: 'Gives some bytes.',
  parameters: { type: 'object', properties: {} },
  run: randomText,
};

const slowly =
  (wait: (context: ToolContext) => Promise<void>): CustomTool['run'] =>
  async (_, context) => {
    await wait(context);
    return randomText();
  };

/** The agent whose runs the engine works on. */
export const BENCH_AGENT = `
  insert into howdah.agents (name, instruction, max_steps) values ('bench', 'Ping.', 100000);
  insert into howdah.agent_tools (agent_id, tool_id)
  select howdah.agent('bench'), id from howdah.tools where name = 'ping'`;
