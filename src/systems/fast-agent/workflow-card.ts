import type { Json, JsonObject } from '../../json/json.ts';
import { LEFT, modelOf, said, sending, type Writing } from './writing.ts';

type Write = (writing: Writing) => JsonObject;

/** The functions that convert the cards of workflows, by type. */
export const WORKFLOWS: Readonly<Record<string, Write>> = {
  chain,
  parallel,
  router,
  orchestrator: (writing) => planner(writing, 'full'),
  iterative_planner: (writing) => planner(writing, 'iterative'),
  evaluator_optimizer: evaluator,
  maker,
};

/** Converts the card of a workflow to an entry. */
export function writeWorkflow(
  write: Write,
  writing: Writing,
  instruction: string | undefined,
): JsonObject {
  const { fields } = writing;
  const entry = {
    ...said({ description: fields.text('description'), instruction }),
    ...write(writing),
  };
  fields.leave({
    ...LEFT,
    human_input: 'a workflow cannot ask people; its members can',
    use_history: 'the model that decides in a workflow sees only its own run',
  });
  return entry;
}

function chain(writing: Writing): JsonObject {
  const cumulative = writing.fields.flag('cumulative') ? true : undefined;
  return said({ type: 'chain', members: members(writing, 'sequence'), cumulative });
}

/** Converts a parallel workflow. Without fan_in the answers are joined, in fast-agent and here. */
function parallel(writing: Writing): JsonObject {
  const { fields } = writing;
  const fanOut = members(writing, 'fan_out');
  const last = fields.text('fan_in');
  const isAlone = fields.flag('include_request') === false;
  if (last === undefined) return { type: 'parallel', members: fanOut };
  const kind = writing.refer(['fan_in'], last) ?? 'agent';
  const isTwice = fields.names('fan_out').includes(last);
  const role = isTwice ? `${last}-fan-in` : last;
  const joining: Json = isTwice ? { [kind]: last, role } : last;
  const options = isAlone ? { template: '{{outputs}}' } : {};
  return { type: 'parallel', members: [...fanOut, joining], aggregator: role, ...options };
}

function router(writing: Writing): JsonObject {
  return { type: 'router', members: members(writing, 'agents'), ...deciding(writing) };
}

function planner(writing: Writing, defaultPlanning: 'full' | 'iterative'): JsonObject {
  const { fields } = writing;
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
    ...said({ type: 'orchestrator', members: members(writing, 'agents'), planning }),
    ...said({ max_plans: plans === undefined || plans < 1 ? undefined : plans }),
    ...deciding(writing),
  };
}

/** The ratings of fast-agent as scores between 0 and 1. */
const SCORES: Readonly<Record<string, number>> = { POOR: 0, FAIR: 0.5, GOOD: 0.7, EXCELLENT: 0.9 };

function evaluator(writing: Writing): JsonObject {
  const { fields, refer } = writing;
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
    ...said({ type: 'evaluator_optimizer', members: distinct(both) }),
    ...said({ rubric: fields.text('refinement_instruction'), min_score: SCORES[rating] }),
    // the first answer is not a refinement
    max_rounds: Math.max(refinements, 0) + 1,
    ...sending(writing.models.choose(undefined, () => {})),
  };
}

const MOST_VOTES = 99;

/**
 * Converts a maker to a vote. The maker's first-to-ahead-by-k goes on until one answer leads by k.
 * Here 2k - 1 votes are cast, bounded by the samples and the limits of a vote.
 */
function maker(writing: Writing): JsonObject {
  const { fields, refer } = writing;
  const worker = fields.text('worker');
  if (worker === undefined) fields.fault([], 'worker is missing');
  const kind = (worker !== undefined && refer(['worker'], worker)) || 'agent';
  const k = fields.whole('k') ?? 3;
  const most = fields.whole('max_samples') ?? 50;
  if (k < 1) fields.fault(['k'], 'k must be at least 1');
  const votes = Math.max(Math.min(2 * k - 1, most, MOST_VOTES), 2);
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
function deciding(writing: Writing): JsonObject {
  const { max_steps, ...model } = modelOf(writing);
  if (max_steps === undefined) return sending(model);
  return { ...sending(model), budget: { max_steps } };
}

type Named = { name: string; kind: 'agent' | 'workflow' };

function members({ fields, refer }: Writing, key: string): Json[] {
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
