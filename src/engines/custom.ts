import { type CustomEngine, ENGINE_PREFIX } from '../contracts/agents/engine.ts';
import type { ModelProvider } from '../contracts/agents/model.ts';
import type { Json } from '../json/json.ts';
import { emitToken } from '../providers/answers/tokens.ts';
import { createFailure } from '../providers/failure.ts';
import { runCustomTool } from '../tools/custom/custom-tools.ts';
import { messagesFromEngine, toModelAnswer } from './answer.ts';

/**
 * Creates the provider of engines that are functions of this process. A call ends when its signal
 * fires, whether or not the function listens to the signal.
 */
export function customEngine(engines: ReadonlyMap<string, CustomEngine>): ModelProvider {
  return {
    name: `${ENGINE_PREFIX}custom`,
    async generate(request, context) {
      const { model, request_params } = request.model;
      const engine = engines.get(model);
      const { run, signal } = context;
      if (!engine || !run) {
        const message = `the engine ${model} is not registered in this worker: start every worker with it`;
        return createFailure('invalid_request', message);
      }
      const { input } = run;
      const engineRequest = {
        input,
        messages: messagesFromEngine(request.messages),
        request_params,
      };
      const onToken = (text: string) => emitToken(context, text);
      const answer = () =>
        engine.answer(engineRequest, { ...run, signal, onToken }) as Promise<Json> | Json;
      const call = { name: model, description: '', parameters: {}, run: answer };
      const outcome = await runCustomTool(call, {}, { ...run, signal });
      if (!outcome.ok) return outcome;
      const value = toModelAnswer(outcome.value, request);
      return value
        ? { ok: true, value }
        : createFailure(
            'invalid_request',
            `the engine ${model} returned neither a text nor an output`,
          );
    },
  };
}
