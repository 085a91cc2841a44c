import { type CustomEngine, ENGINE_PREFIX } from '../contracts/agents/engine.ts';
import type { ModelProvider, ModelRef } from '../contracts/agents/model.ts';
import { HowdahError, type Outcome } from '../contracts/errors.ts';
import { createEgress, type EgressOptions } from '../tools/egress.ts';
import { a2aEngine } from './a2a.ts';
import { customEngine } from './custom.ts';
import { httpEngine } from './http.ts';
import { openaiEngine } from './openai.ts';
import { toolEngine } from './tool.ts';

/** The engines of this process, by the provider that a definition names. */
export type Engines = ReadonlyMap<string, ModelProvider>;

/**
 * Creates all engines: those of other programs behind the guard of outgoing requests, and the
 * functions registered in code.
 */
export function createEngines(
  custom: readonly CustomEngine[],
  options: Pick<EgressOptions, 'allowPrivate'>,
): Engines {
  const egress = createEgress(options);
  const engines = [
    openaiEngine(egress),
    httpEngine(egress),
    a2aEngine(egress),
    customEngine(byName(custom)),
    toolEngine,
  ];
  return new Map(engines.map((engine) => [engine.name, engine]));
}

/** Returns the engine of a definition's model, or undefined if the model is no engine. */
export function findEngine(engines: Engines, model: ModelRef): Outcome<ModelProvider> | undefined {
  const engine = engines.get(model.provider);
  if (engine || !model.provider.startsWith(ENGINE_PREFIX)) {
    return engine && { ok: true, value: engine };
  }
  const message = `this release does not support the engine ${model.provider.slice(ENGINE_PREFIX.length)}`;
  return { ok: false, error: { code: 'invalid_request', message, retryable: false } };
}

function byName(engines: readonly CustomEngine[]): ReadonlyMap<string, CustomEngine> {
  const known = new Map<string, CustomEngine>();
  for (const engine of engines) {
    if (known.has(engine.name)) {
      throw new HowdahError('HWCNF', `two custom engines are named ${engine.name}`, {
        hint: 'Give each engine a different name.',
      });
    }
    known.set(engine.name, engine);
  }
  return known;
}
