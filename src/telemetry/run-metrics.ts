import { Counter, Histogram, type Registry } from 'prom-client';
import type { ObserveRun } from '../contracts/runs/run-observer.ts';
import type { StepRecord } from '../contracts/runs/step.ts';

/** Prices per million tokens, by model. */
export type Prices = ReadonlyMap<string, { input: number; output: number }>;

/** Buckets in seconds, from the time of a database function to the time of a slow model. */
const STEP_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
const MILLION = 1_000_000;
/**
 * Most models whose tokens wait for a price. Tokens of more models are counted without their cost.
 */
const MOST_MODELS = 10_000;

type Unpriced = { provider: string; input: number; output: number };

/**
 * Creates the metrics of the workers of this process. Labels name the provider and not the model or
 * the agent: those are names of tenants, their number is unbounded, and readers of metrics need not
 * know them. Cost is counted when the metrics are read, at the prices of that moment.
 */
export function createRunFigures(
  register: Registry,
  prices: (modelIds: readonly string[]) => Promise<Prices>,
) {
  const registers = [register];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  const steps = counter('howdah_steps_total', 'Steps committed.', ['kind']);
  const claims = counter('howdah_runs_claimed_total', 'Runs that were started or resumed.', []);
  const ends = counter('howdah_runs_ended_total', 'Runs that workers ended.', [
    'status',
    'stop_reason',
  ]);
  const retries = counter('howdah_retries_total', 'Failed attempts that were retried.', [
    'of',
    'code',
  ]);
  const tokens = counter('howdah_tokens_total', 'Tokens, as counted by the providers.', [
    'provider',
    'type',
  ]);
  const cost = counter('howdah_cost_total', 'Cost of the tokens, in the currency of the prices.', [
    'provider',
  ]);
  const durations = new Histogram({
    name: 'howdah_step_duration_seconds',
    help: 'Duration of a step from the start of its work (a model, a tool) to its commit.',
    labelNames: ['kind', 'outcome'],
    buckets: STEP_BUCKETS,
    registers,
  });
  const unpriced = new Map<string, Unpriced>();

  const countTokens = (step: StepRecord, provider: string): void => {
    const { tokens_in = 0, tokens_out = 0, model_id } = step;
    tokens.inc({ provider, type: 'input' }, tokens_in);
    tokens.inc({ provider, type: 'output' }, tokens_out);
    if (!model_id || (!unpriced.has(model_id) && unpriced.size >= MOST_MODELS)) return;
    const before = unpriced.get(model_id) ?? { provider, input: 0, output: 0 };
    const input = before.input + tokens_in;
    unpriced.set(model_id, { provider, input, output: before.output + tokens_out });
  };

  const observe: ObserveRun = ({ definition }) => {
    claims.inc();
    const providerOf = ({ name }: StepRecord): string =>
      definition.models.find((model) => model.name === name)?.provider ?? 'other';
    return {
      committed({ steps: records, to }) {
        const now = Date.now();
        for (const step of records) {
          const { kind, error, started_at } = step;
          steps.inc({ kind });
          if (started_at !== undefined) {
            const seconds = Math.max(0, now - Date.parse(started_at)) / 1000;
            durations.observe({ kind, outcome: error ? 'error' : 'ok' }, seconds);
          }
          if (kind === 'model') countTokens(step, providerOf(step));
          if (kind === 'retry') {
            retries.inc({ of: step.call_id ? 'tool' : 'model', code: error?.code ?? 'none' });
          }
        }
        if (to?.status === 'completed' || to?.status === 'failed') {
          ends.inc({ status: to.status, stop_reason: to.stop_reason });
        }
      },
    };
  };

  /**
   * Counts the cost of the tokens so far. When the prices cannot be read, the tokens stay for the
   * next attempt.
   */
  const price = async (): Promise<void> => {
    if (unpriced.size === 0) return;
    const known = await prices([...unpriced.keys()]).catch(() => undefined);
    if (!known) return;
    for (const [id, used] of unpriced) {
      const { input = 0, output = 0 } = known.get(id) ?? {};
      cost.inc({ provider: used.provider }, (used.input * input + used.output * output) / MILLION);
      unpriced.delete(id);
    }
  };
  return { observe, price };
}
