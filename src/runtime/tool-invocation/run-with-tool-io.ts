import type {
  CallOutcome,
  Elicitation,
  PendingElicitation,
} from '../../contracts/agents/call-host.ts';
import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ToolContext, ToolOutcome } from '../../contracts/agents/tool.ts';
import { LOG_LEVELS, type SampleRequest, type ToolIo } from '../../contracts/agents/tool-io.ts';
import type { JsonObject, JsonSchema } from '../../json/json.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { createCallHost } from './call-host.ts';
import { createProgressReporter, type ProgressReporter, shortData } from './progress-reporter.ts';

/** Maximum number of notes of one call. Further notes are dropped. */
const MAX_NOTIFICATIONS = 500;
const DEFAULT_MAX_TOKENS = 1_000;
const EMPTY_FORM: JsonSchema = { type: 'object', properties: {}, required: [] };

/**
 * Runs a tool that may report and ask questions while it works. When the tool asks a question that
 * nobody has answered yet, this attempt ends with the question, and `abort` stops its work. The
 * call is made again after the answer.
 */
export async function runWithToolIo(
  tool: ToolDefinition,
  context: ToolContext,
  call_id: string,
  run: HeldRun,
  world: RuntimeDependencies,
  abort: () => void,
  work: (context: ToolContext & ToolIo) => Promise<ToolOutcome>,
): Promise<CallOutcome> {
  const { promise: asks, resolve } = Promise.withResolvers<{ asks: PendingElicitation }>();
  const abandonFor = (question: PendingElicitation): Promise<never> => {
    resolve({ asks: question });
    abort();
    return new Promise(() => {});
  };
  const reporter = createProgressReporter(tool, call_id, run);
  const io = createToolIo(tool, context, call_id, run, world, reporter, abandonFor);
  return Promise.race([asks, work({ ...context, ...io })]).finally(reporter.end);
}

function createToolIo(
  { name, configuration }: ToolDefinition,
  { execution_id, tenant_id, signal }: ToolContext,
  call_id: string,
  run: HeldRun,
  world: RuntimeDependencies,
  reporter: ProgressReporter,
  abandonFor: (question: PendingElicitation) => Promise<never>,
): ToolIo {
  const host = createCallHost(call_id, run, world);
  const about = { execution_id, call_id, tool: name };
  let notes = 0;
  const maySend = () => !signal.aborted && ++notes <= MAX_NOTIFICATIONS;
  const ask = async (message: string, schema: JsonSchema, more: Partial<Elicitation> = {}) => {
    const elicitation = { server: name, isTool: true, message, schema, ...more } as const;
    const answer = host.elicit(elicitation);
    return 'action' in answer ? answer : abandonFor(answer);
  };
  return {
    log(level, data) {
      if (!LOG_LEVELS.includes(level) || !maySend()) return;
      run.tell({ ...about, type: 'log', level, data: shortData(data) });
    },
    progress: reporter.report,
    elicit: (message, schema = EMPTY_FORM) => ask(String(message), schema),
    async sample(request) {
      const { sampling_model: model } = configuration;
      if (typeof model === 'string') {
        const found = await world.modelNamed(tenant_id, model);
        if (!found.ok) throw new Error(found.error.message);
        const sampling = { server: name, model: found.value, ...samplingFields(request) };
        const answer = await host.sample(sampling, signal);
        if (!answer.ok) throw Object.assign(new Error(answer.error.message), answer.error);
        const { content, finish_reason } = answer.value;
        return { content: content ?? '', model, finish_reason };
      }
      const words = request.messages.map(({ role, content }) => `${role}: ${content}`).join('\n');
      const answer = await ask(words, ANSWER, { sampling: samplingOf(request) });
      if (answer.action !== 'accept') throw new Error(NO_ANSWER);
      const { content, model: by } = answer.content;
      const [text, author] = [String(content ?? ''), String(by ?? 'unknown')];
      return { content: text, model: author, finish_reason: 'stop' };
    },
  };
}

const NO_ANSWER = "the client's model gave no answer: the request was declined or expired";

/** Schema of the answer that people give in place of a model. */
const ANSWER: JsonSchema = {
  type: 'object',
  properties: { content: { type: 'string' }, model: { type: 'string' } },
  required: ['content'],
};

function samplingFields({
  messages,
  system,
  max_tokens = DEFAULT_MAX_TOKENS,
  temperature,
}: SampleRequest) {
  const sampledMessages = messages.map(({ role, content }) => ({ role, content: String(content) }));
  return {
    messages:
      system === undefined
        ? sampledMessages
        : [{ role: 'system' as const, content: system }, ...sampledMessages],
    max_tokens,
    ...(temperature === undefined ? {} : { temperature }),
  };
}

/** Converts a request to the form that MCP defines. */
function samplingOf({
  messages,
  system,
  max_tokens = DEFAULT_MAX_TOKENS,
  temperature,
}: SampleRequest) {
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
