import type { Json, JsonObject } from '../../json/json.ts';
import {
  definedEntries,
  type EntryInputs,
  modelEntry,
  modelOf,
  UNSUPPORTED_KEYS,
} from './entry-inputs.ts';

type Write = (inputs: EntryInputs) => JsonObject;

/** The functions that convert the cards of workflows, by type. */
export const WORKFLOW_WRITERS: Readonly<Record<string, Write>> = {
  chain,
  parallel,
  router,
  orchestrator: (inputs) => planner(inputs, 'full'),
  iterative_planner: (inputs) => planner(inputs, 'iterative'),
  evaluator_optimizer: evaluator,
  maker,
};

/** Converts the card of a workflow to an entry. */
export function writeWorkflow(
  write: Write,
  inputs: EntryInputs,
  instruction: string | undefined,
): JsonObject {
  const { fields } = inputs;
  const entry = {
    ...definedEntries({ description: fields.text('description'), instruction }),
    ...write(inputs),
  };
  fields.leave({
    ...UNSUPPORTED_KEYS,
    human_input: 'a workflow cannot ask people; its members can',
    use_history: 'the model that decides in a workflow sees only its own run',
  });
  return entry;
}

function chain(inputs: EntryInputs): JsonObject {
  const cumulative = inputs.fields.flag('cumulative') ? true : undefined;
  return definedEntries({ type: 'chain', members: members(inputs, 'sequence'), cumulative });
}

/** Converts a parallel workflow. Without fan_in the answers are joined, in fast-agent and here. */
function parallel(inputs: EntryInputs): JsonObject {
  const { fields } = inputs;
  const fanOut = members(inputs, 'fan_out');
  const last = fields.text('fan_in');
  const isAlone = fields.flag('include_request') === false;
  if (last === undefined) return { type: 'parallel', members: fanOut };
  const kind = inputs.refer(['fan_in'], last) ?? 'agent';
  const isTwice = fields.names('fan_out').includes(last);
  const role = isTwice ? `${last}-fan-in` : last;
  const joining: Json = isTwice ? { [kind]: last, role } : last;
  const options = isAlone ? { template: '{{outputs}}' } : {};
  return { type: 'parallel', members: [...fanOut, joining], aggregator: role, ...options };
}

function router(inputs: EntryInputs): JsonObject {
  return { type: 'router', members: members(inputs, 'agents'), ...deciding(inputs) };
}

function planner(inputs: EntryInputs, defaultPlanning: 'full' | 'iterative'): JsonObject {
  const { fields } = inputs;
  const planning = fields.text('plan_type') ?? defaultPlanning;
  if (planning !== 'full' && planning !== 'iterative') {
    fields.fault(['plan_type'], 'plan_type must be one of full, iterative');
  }
  const plans = fields.whole('plan_iterations');
  if (plans !== undefined && plans < 1) {
    fields.note(
      ['plan_iterations'],
      'plan_iterations: a limit is required; it is max_plans, 5 by default',
    );
  }
  return {
    ...definedEntries({ type: 'orchestrator', members: members(inputs, 'agents'), planning }),
    ...definedEntries({ max_plans: plans === undefined || plans < 1 ? undefined : plans }),
    ...deciding(inputs),
  };
}

/** The ratings of fast-agent as scores between 0 and 1. */
const SCORES: Readonly<Record<string, number>> = { POOR: 0, FAIR: 0.5, GOOD: 0.7, EXCELLENT: 0.9 };

function evaluator(inputs: EntryInputs): JsonObject {
  const { fields, refer } = inputs;
  const both = ['generator', 'evaluator'].flatMap((key) => {
    const name = fields.text(key);
    if (name === undefined) fields.fault([], `${key} is missing`);
    return name !== undefined ? [{ name, kind: refer([key], name) ?? 'agent' }] : [];
  });
  const rating = (fields.text('min_rating') ?? 'GOOD').toUpperCase();
  if (!Object.hasOwn(SCORES, rating)) {
    fields.fault(['min_rating'], `min_rating must be one of ${Object.keys(SCORES).join(', ')}`);
  }
  const refinements = fields.whole('max_refinements') ?? 3;
  return {
    ...definedEntries({ type: 'evaluator_optimizer', members: distinct(both) }),
    ...definedEntries({ rubric: fields.text('refinement_instruction'), min_score: SCORES[rating] }),
    // the first answer is not a refinement
    max_rounds: Math.max(refinements, 0) + 1,
    ...modelEntry(inputs.models.choose(undefined, () => {})),
  };
}

const MAX_VOTES = 99;

/**
 * Converts a maker to a vote. The maker's first-to-ahead-by-k goes on until one answer leads by k.
 * Here 2k - 1 votes are cast, bounded by the samples and the limits of a vote.
 */
function maker(inputs: EntryInputs): JsonObject {
  const { fields, refer } = inputs;
  const worker = fields.text('worker');
  if (worker === undefined) fields.fault([], 'worker is missing');
  const kind = (worker !== undefined && refer(['worker'], worker)) || 'agent';
  const k = fields.whole('k') ?? 3;
  const most = fields.whole('max_samples') ?? 50;
  if (k < 1) fields.fault(['k'], 'k must be at least 1');
  const votes = Math.max(Math.min(2 * k - 1, most, MAX_VOTES), 2);
  fields.note(
    ['k'],
    `k: ${votes} votes are cast and the majority wins, instead of a lead of ${k} within ${most} votes`,
  );
  if ((fields.text('match_strategy') ?? 'exact') !== 'exact') {
    fields.note(['match_strategy'], 'match_strategy: votes are equal when their texts are equal');
  }
  fields.skip('red_flag_max_length', 'votes are not discarded because of their length');
  const cast = Array.from({ length: votes }, () => ({ name: worker ?? '', kind }));
  return { type: 'voting', members: distinct(cast) };
}

/** Returns the model that decides, with the parameters of its requests. */
function deciding(inputs: EntryInputs): JsonObject {
  const { max_steps, ...model } = modelOf(inputs);
  if (max_steps === undefined) return modelEntry(model);
  return { ...modelEntry(model), budget: { max_steps } };
}

type Named = { name: string; kind: 'agent' | 'workflow' };

function members({ fields, refer }: EntryInputs, key: string): Json[] {
  const names = fields.names(key);
  if (names.length === 0) fields.fault([], `${key} is missing: a list of the names of agents`);
  return distinct(names.map((name, at) => ({ name, kind: refer([key, at], name) ?? 'agent' })));
}

/** Gives each occurrence of a repeated member its own role. The role differs from all names. */
function distinct(named: readonly Named[]): Json[] {
  const names = new Set(named.map(({ name }) => name));
  const free = (role: string): string => (names.has(role) ? free(`${role}-`) : role);
  return named.map(({ name, kind }, at) => {
    if (named.filter((one) => one.name === name).length === 1) return name;
    const times = named.slice(0, at + 1).filter((one) => one.name === name).length;
    return { [kind]: name, role: free(`${name}-${times}`) };
  });
}
