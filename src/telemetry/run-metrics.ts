import { Counter, Histogram, type Registry } from 'prom-client';
import type { ObservedCommit, ObserveRun } from '../contracts/runs/run-observer.ts';
import { isCached, type StepRecord } from '../contracts/runs/step.ts';
import { isJsonObject, type Json } from '../json/json.ts';
import { CostCounter, type ReadPrices } from './cost-counter.ts';

/** Buckets in seconds, from the time of a database function to the time of a slow model. */
const STEP_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

type ProviderOf = (step: StepRecord) => string;

/**
 * Creates the metrics of the workers of this process. Labels name the provider and not the model or
 * the agent: those are names of tenants, their number is unbounded, and readers of metrics need not
 * know them. Cost is counted when the metrics are read, at the prices of that moment.
 */
export function createRunMetrics(register: Registry, readPrices: ReadPrices) {
  const counters = createRunCounters(register);
  const cost = new CostCounter(register, readPrices);

  const countStep = (step: StepRecord, providerOf: ProviderOf): void => {
    const { kind, error, started_at, call_id } = step;
    counters.steps.inc({ kind });
    if (started_at !== undefined) {
      const seconds = Math.max(0, Date.now() - Date.parse(started_at)) / 1000;
      const outcome = error ? 'error' : isCached(step) ? 'cached' : 'ok';
      counters.durations.observe({ kind, outcome }, seconds);
    }
    if (kind === 'model') {
      const { tokens_in: input = 0, tokens_out: output = 0, model_id } = step;
      const provider = providerOf(step);
      counters.tokens.inc({ provider, type: 'input' }, input);
      counters.tokens.inc({ provider, type: 'output' }, output);
      const { cacheRead, cacheWrite } = cacheTokens(step.output, input);
      counters.cached.inc({ provider, type: 'read' }, cacheRead);
      counters.cached.inc({ provider, type: 'write' }, cacheWrite);
      cost.add(model_id, { provider, input, output, cacheRead, cacheWrite });
    }
    if (kind === 'retry') {
      counters.retries.inc({ of: call_id ? 'tool' : 'model', code: error?.code ?? 'none' });
    }
  };

  const countCommit = ({ steps, to }: ObservedCommit, providerOf: ProviderOf): void => {
    for (const step of steps) countStep(step, providerOf);
    if (to?.status === 'completed' || to?.status === 'failed') {
      counters.ends.inc({ status: to.status, stop_reason: to.stop_reason });
    }
  };

  const observe: ObserveRun = ({ definition }) => {
    counters.claims.inc();
    const providerOf: ProviderOf = ({ name }) =>
      definition.models.find((model) => model.name === name)?.provider ?? 'other';
    return { onCommit: (commit) => countCommit(commit, providerOf) };
  };
  return { observe, price: () => cost.price() };
}

/**
 * Returns the tokens of the prompt cache that a step reports, bounded as in
 * `howdah_private.cached_tokens`: a counter refuses to fall.
 */
function cacheTokens(output: Json | undefined, input: number) {
  const usage = isJsonObject(output) && isJsonObject(output.usage) ? output.usage : {};
  const countIn = (value: Json | undefined, most: number) =>
    typeof value === 'number' ? Math.trunc(Math.min(Math.max(value, 0), most)) : 0;
  const cacheRead = countIn(usage.cached_tokens, input);
  return { cacheRead, cacheWrite: countIn(usage.cache_write_tokens, input - cacheRead) };
}

function createRunCounters(register: Registry) {
  const registers = [register];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  return {
    steps: counter('howdah_steps_total', 'Committed steps.', ['kind']),
    claims: counter(
      'howdah_runs_claimed_total',
      'Runs claimed, for the first time or to continue.',
      [],
    ),
    ends: counter(
      'howdah_runs_ended_total',
      'Runs that workers ended. The database ends runs that are cancelled or expire.',
      ['status', 'stop_reason'],
    ),
    retries: counter(
      'howdah_retries_total',
      'Failed attempts that were retried, by kind of call (model, tool) and error code.',
      ['of', 'code'],
    ),
    tokens: counter('howdah_tokens_total', 'Tokens (input, output), as counted by the providers.', [
      'provider',
      'type',
    ]),
    cached: counter(
      'howdah_cached_tokens_total',
      'Input tokens read from and written to the prompt caches of providers (read, write); a part of howdah_tokens_total.',
      ['provider', 'type'],
    ),
    durations: new Histogram({
      name: 'howdah_step_duration_seconds',
      help: 'Duration of a step from the start of a model request or a tool call to its commit. The outcome is ok, error, or cached for an answer from an answer cache.',
      labelNames: ['kind', 'outcome'],
      buckets: STEP_BUCKETS,
      registers,
    }),
  };
}
