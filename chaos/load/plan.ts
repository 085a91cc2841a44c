import { type Random, randomOf } from './random.ts';

// The plan of a round, as a pure function of the seed: its runs, the answers of their models, and
// the controls that are applied to them. The input of a run contains its key, from which the rest
// follows.

/** The tools of the shop. `spin` blocks the event loop, and `hoard` runs out of memory. */
export type ToolName =
  | 'look'
  | 'note'
  | 'pay'
  | 'careful'
  | 'book'
  | 'ask_user'
  | 'helper'
  | 'spin'
  | 'hoard';

/** The names of the workflows in `TEAMS`. Members that are workflows come first. */
export const TEAM_NAMES = [
  'duo',
  'press',
  'crew',
  'wide',
  'jury',
  'batch',
  'rows',
  'cycle',
  'planned',
  'judged',
  'routed',
  'block',
  'house',
] as const;
export type TeamName = (typeof TEAM_NAMES)[number];

/** A tool call of a model. Its arguments contain `key`, which identifies its effects. */
export type PlannedCall = { tool: ToolName; key: string; rejected: boolean };

/** The tool calls of a model, turn by turn. The final answer follows the last turn. */
export type Conversation = { key: string; turns: PlannedCall[][] };

/** A control of a run. `after` is the delay in milliseconds since the insert. */
export type Control =
  | { do: 'nothing' }
  | { do: 'cancel'; after: number }
  | { do: 'pause'; after: number; for: number }
  | { do: 'steer'; after: number }
  /** `after` is the delay since the end. Contents are encrypted five seconds after the end. */
  | { do: 'fork'; at: number; after: number };

export type PlannedRun = Conversation & {
  /** Milliseconds since the start of the round. */
  at: number;
  control: Control;
  /**
   * With `queue`, runs of a session wait for each other; with `interrupt`, each ends the previous.
   */
  session?: { name: string; policy: 'queue' | 'interrupt' };
  /** The agent `senior` has a second model to fall back to. */
  agent: 'clerk' | 'senior';
  /** The workflow that is run instead of the agent. */
  team?: TeamName;
};

/** Depth of the runs that call no helper. */
const MOST_DEPTH = 2;

/** Plans the runs of one round, spread over `forMs`. */
export function planRuns(seed: number, round: number, count: number, forMs: number): PlannedRun[] {
  return Array.from({ length: count }, (_, index) => planRun(seed, `${round}.${index}`, forMs));
}

/** Plans the run with this key. */
export function planRun(seed: number, key: string, forMs: number): PlannedRun {
  const random = randomOf(seed, key, 'run');
  const session = planSession(seed, key);
  const at = Math.round(random.next() * forMs);
  const agent = random.chance(0.3) ? 'senior' : 'clerk';
  const control = session ? NOTHING : planControl(random);
  const team = random.chance(0.12) && !session ? random.pick(TEAM_NAMES) : undefined;
  if (team) {
    return { key, turns: [], at, agent, control: restrictForTeam(control), team };
  }
  return { ...planConversation(seed, key), at, agent, control, ...(session ? { session } : {}) };
}

/** Assigns nine runs in thirty to sessions of three. */
function planSession(seed: number, key: string): PlannedRun['session'] {
  const [round = '0', index = '0'] = key.split('.');
  const group = Math.floor(Number(index) / 3);
  if (group % 10 > 2) {
    return undefined;
  }
  const random = randomOf(seed, round, group, 'session');
  return {
    name: `${seed}.${round}.${group}`,
    policy: random.chance(0.7) ? 'queue' : 'interrupt',
  };
}

const NOTHING: Control = { do: 'nothing' };

/** Replaces the controls that would change the expected output of a workflow. */
function restrictForTeam(control: Control): Control {
  return control.do === 'steer' || control.do === 'fork' ? NOTHING : control;
}

function planControl(random: Random): Control {
  const after = random.int(0, 3_000);
  const draw = random.next();
  if (draw < 0.1) return { do: 'cancel', after };
  if (draw < 0.22) return { do: 'pause', after, for: random.int(0, 2_000) };
  if (draw < 0.32) return { do: 'steer', after };
  if (draw < 0.42) return { do: 'fork', at: random.next(), after: random.int(0, 12_000) };
  return { do: 'nothing' };
}

/**
 * Plans the tool calls of the run with this key. The key of a child run is that of the call which
 * started it.
 */
export function planConversation(seed: number, key: string): Conversation {
  const [, tool] = /^[^/]*!(\w+)$/.exec(key) ?? []; // `1.2!spin`: a run with this call only
  if (tool) {
    return { key, turns: [[{ tool: tool as ToolName, key, rejected: false }]] };
  }
  // Members of workflows are children as well.
  const depth = key.split('/').length - 1 + (key.includes('@') ? 1 : 0);
  const random = randomOf(seed, key, 'turns');
  const count = random.int(depth === 0 ? 1 : 0, depth === 0 ? 4 : 2);
  const turns = Array.from({ length: count }, (_, turn) => planTurn(random, key, turn, depth));
  return { key, turns };
}

function planTurn(random: Random, key: string, turn: number, depth: number): PlannedCall[] {
  const count = random.pick([1, 1, 1, 2, 3]);
  return Array.from({ length: count }, (_, index) => {
    const tool = pickTool(random, depth);
    const rejected = tool === 'careful' && random.chance(0.3);
    return { tool, key: `${key}/${turn}-${index}`, rejected };
  });
}

function pickTool(random: Random, depth: number): ToolName {
  const tool = random.pick<ToolName>([
    'look',
    'note',
    'note',
    'pay',
    'pay',
    'careful',
    'book',
    'book',
    'book',
    'ask_user',
    'helper',
    'helper',
  ]);
  return tool === 'helper' && depth >= MOST_DEPTH ? 'book' : tool;
}

/** Returns the result of a call: a word with the tool and the key of the call. */
export function expectedResult(seed: number, call: PlannedCall): string {
  if (call.tool === 'helper') {
    return expectedFinalAnswer(seed, planConversation(seed, call.key));
  }
  return `[${call.rejected ? 'rejected' : call.tool}:${call.key}]`;
}

/**
 * Returns the output of an agent's run. It consists of the words of all results, so that a wrong or
 * missing result is detected.
 */
export function expectedFinalAnswer(seed: number, { key, turns }: Conversation): string {
  return formatFinalAnswer(
    key,
    turns.flat().map((call) => expectedResult(seed, call)),
  );
}

/** Formats the final answer of a model from the results of its calls. */
export function formatFinalAnswer(key: string, results: readonly string[]): string {
  const words = results.flatMap((result) => result.match(/\[[a-z_]+:[^\]\s]+\]/g) ?? []);
  return `${key} is done: ${words.join(' ')}`;
}

/** Returns the call with this key. */
export function findPlannedCall(seed: number, key: string): PlannedCall | undefined {
  const [, parent = '', turn, index] = /^(.*)\/(\d+)-(\d+)$/.exec(key) ?? [];
  return planConversation(seed, parent).turns[Number(turn)]?.[Number(index)];
}
