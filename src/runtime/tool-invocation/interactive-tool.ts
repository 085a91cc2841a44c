import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { AskedBack, Elicitation, McpOutcome } from '../../contracts/agents/mcp-host.ts';
import type { ToolContext, ToolOutcome } from '../../contracts/agents/tool.ts';
import { LOG_LEVELS, type SampleRequest, type ToolIo } from '../../contracts/agents/tool-io.ts';
import type { JsonObject, JsonSchema } from '../../json/json.ts';
import { truncateMiddle } from '../../text/truncate-middle.ts';
import type { World } from '../environment/world.ts';
import type { HeldRun } from '../owned-run/held-run.ts';
import { mcpHost } from './mcp-host.ts';

/** Notes of one call; what is beyond is not told. */
const MOST_NOTES = 500;
/** Of one note: a NOTIFY carries 8,000 bytes. */
const NOTE_CHARACTERS = 1_000;
const TOKENS = 1_000;
const NOTHING: JsonSchema = { type: 'object', properties: {}, required: [] };

/**
 * Runs a tool that may speak while it works. Where it asks what nobody has answered yet, the call is
 * given up for the question, and `abort` ends what it began.
 */
export async function runInteractiveTool(
  tool: ToolDefinition,
  context: ToolContext,
  call_id: string,
  run: HeldRun,
  world: World,
  abort: () => void,
  work: (context: ToolContext & ToolIo) => Promise<ToolOutcome>,
): Promise<McpOutcome> {
  const { promise: asks, resolve } = Promise.withResolvers<{ asks: AskedBack }>();
  const giveUp = (asked: AskedBack): Promise<never> => {
    resolve({ asks: asked });
    abort();
    return new Promise(() => {});
  };
  const talk = talkOf(tool, context, call_id, run, world, giveUp);
  return Promise.race([asks, work({ ...context, ...talk })]);
}

function talkOf(
  { name, configuration }: ToolDefinition,
  { execution_id, tenant_id, signal }: ToolContext,
  call_id: string,
  run: HeldRun,
  world: World,
  giveUp: (asked: AskedBack) => Promise<never>,
): ToolIo {
  const host = mcpHost(call_id, run, world);
  const about = { execution_id, call_id, tool: name };
  let notes = 0;
  const mayTell = () => !signal.aborted && ++notes <= MOST_NOTES;
  const ask = async (message: string, schema: JsonSchema, more: Partial<Elicitation> = {}) => {
    const asked = { server: name, isTool: true, message, schema, ...more } as const;
    const answer = host.elicit(asked);
    return 'action' in answer ? answer : giveUp(answer);
  };
  return {
    log(level, data) {
      if (!LOG_LEVELS.includes(level) || !mayTell()) return;
      const text = JSON.stringify(data) ?? 'null';
      const isShort = text.length <= NOTE_CHARACTERS;
      const told = isShort ? JSON.parse(text) : truncateMiddle(text, NOTE_CHARACTERS);
      run.tell({ ...about, type: 'log', level, data: told });
    },
    progress(progress, total, message) {
      if (!Number.isFinite(progress) || !mayTell()) return;
      run.tell({
        ...about,
        type: 'progress',
        progress,
        ...(Number.isFinite(total) ? { total: total as number } : {}),
        ...(message === undefined
          ? {}
          : { message: truncateMiddle(String(message), NOTE_CHARACTERS) }),
      });
    },
    elicit: (message, schema = NOTHING) => ask(String(message), schema),
    async sample(request) {
      const { sampling_model: model } = configuration;
      if (typeof model === 'string') {
        const found = await world.modelNamed(tenant_id, model);
        if (!found.ok) throw new Error(found.error.message);
        const asked = { server: name, model: found.value, ...sampled(request) };
        const answer = await host.sample(asked, signal);
        if (!answer.ok) throw Object.assign(new Error(answer.error.message), answer.error);
        return { content: answer.value.content ?? '', model };
      }
      const words = request.messages.map(({ role, content }) => `${role}: ${content}`).join('\n');
      const answer = await ask(words, ANSWER, { sampling: samplingOf(request) });
      if (answer.action !== 'accept') throw new Error('no model would answer');
      const { content, model: by } = answer.content;
      return { content: String(content ?? ''), model: String(by ?? 'unknown') };
    },
  };
}

/** What stands for a model's answer. */
const ANSWER: JsonSchema = {
  type: 'object',
  properties: { content: { type: 'string' }, model: { type: 'string' } },
  required: ['content'],
};

function sampled({ messages, system, max_tokens = TOKENS, temperature }: SampleRequest) {
  const told = messages.map(({ role, content }) => ({ role, content: String(content) }));
  return {
    messages: system === undefined ? told : [{ role: 'system' as const, content: system }, ...told],
    max_tokens,
    ...(temperature === undefined ? {} : { temperature }),
  };
}

/** The same as MCP has it. */
function samplingOf({ messages, system, max_tokens = TOKENS, temperature }: SampleRequest) {
  return {
    messages: messages.map(({ role, content }) => ({
      role,
      content: { type: 'text', text: String(content) },
    })),
    maxTokens: max_tokens,
    ...(system === undefined ? {} : { systemPrompt: system }),
    ...(temperature === undefined ? {} : { temperature }),
  } satisfies JsonObject;
}
