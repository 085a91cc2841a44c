import { pino } from 'pino';
import type { ModelProvider } from '../../src/contracts/agents/model.ts';
import type { CustomTool, ToolContext } from '../../src/contracts/agents/tool.ts';
import type { ToolCall } from '../../src/contracts/runs/message.ts';
import { startWorker, type Worker } from '../../workers/start-worker.ts';

export type EngineOptions = {
  url: string;
  concurrency: number;
  /**
   * Called when a model request of a run arrives. The response is sent when the promise resolves.
   */
  onModelCall?: (input: string, signal: AbortSignal) => void | Promise<void>;
  /** Returns the tool calls of the first model response, if the input does not state them. */
  firstCalls?: (input: string) => ToolCall[] | undefined;
  /** Called when the tool is called. The tool returns its result when the promise resolves. */
  onToolCall?: (context: ToolContext) => Promise<void>;
};

/** The length of a tool result. Its bytes are random, so that they cannot be compressed. */
const PAYLOAD_BYTES = 500;

/**
 * Starts the whole engine in this process, with a model and a tool that take no time by themselves.
 * The model calls the tool as often as the input states and then answers: "19 ping" means 19 calls.
 */
export function startEngine(options: EngineOptions): Promise<Worker> {
  const provider = createProvider(options);
  return startWorker({
    url: options.url,
    concurrency: options.concurrency,
    release: 'bench',
    builtins: [],
    tools: [options.onToolCall ? { ...ping, run: runAfter(options.onToolCall) } : ping],
    log: pino({ level: 'silent' }),
    provider: () => ({ ok: true, value: provider }),
  });
}

function createProvider(options: EngineOptions): ModelProvider {
  return {
    name: 'bench',
    async generate({ messages }, { signal }) {
      const input = messages.find(({ role }) => role === 'user')?.content ?? '';
      await options.onModelCall?.(input, signal);
      const requestedCalls = Number.parseInt(input, 10) || 0;
      const doneCalls = messages.filter(({ role }) => role === 'tool').length;
      const firstCalls = doneCalls === 0 ? options.firstCalls?.(input) : undefined;
      const nextCall = { id: `call_${doneCalls}`, name: 'ping', arguments: '{}' };
      const tool_calls = firstCalls ?? (doneCalls < requestedCalls ? [nextCall] : []);
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
}

const randomText = (): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(PAYLOAD_BYTES * 0.75))).toString('base64');

const ping: CustomTool = {
  name: 'ping',
  description: 'Gives some bytes.',
  parameters: { type: 'object', properties: {} },
  run: randomText,
};

const runAfter =
  (wait: (context: ToolContext) => Promise<void>): CustomTool['run'] =>
  async (_, context) => {
    await wait(context);
    return randomText();
  };

/**
 * SQL that creates the agent of the bench. The tool must exist, so a worker must have been started
 * on the database before.
 */
export const BENCH_AGENT = `
  insert into howdah.agents (name, instruction, max_steps) values ('bench', 'Ping.', 100000);
  insert into howdah.agent_tools (agent_id, tool_id)
  select howdah.agent('bench'), id from howdah.tools where name = 'ping'`;
