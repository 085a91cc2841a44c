import { type Random, randomOf } from './random.ts';

// What is to happen, as a pure function of the seed: which runs there are, what their models say turn by turn, what people
// and programs do to them meanwhile. A run is known by its key, which stands in its input; everything else follows.

/** What a tool of the shop does: docs/reliability.md. */
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

/** The workflows of the shop: `TEAMS`. */
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

/** One call of a model answer. `key` is in its arguments, and every effect is known by it. */
export type PlannedCall = { tool: ToolName; key: string; rejected: boolean };

/** What the model says, answer by answer; after the last turn it gives the final answer. */
export type Conversation = { key: string; turns: PlannedCall[][] };

/** What somebody does to a run while it lives. Times count in milliseconds from its insert. */
export type Control =
  | { do: 'nothing' }
  | { do: 'cancel'; after: number }
  | { do: 'pause'; after: number; for: number }
  | { do: 'steer'; after: number }
  /** So long after it has ended: its contents are encrypted after five seconds. */
  | { do: 'fork'; at: number; after: number };

export type PlannedRun = Conversation & {
  /** Milliseconds from the beginning of the round. */
  at: number;
  control: Control;
  /** Runs of one session take turns, or each ends the one before. */
  session?: { name: string; policy: 'queue' | 'interrupt' };
  /** Two models: one that stays broken is followed by the other. */
  agent: 'clerk' | 'senior';
  /** It is this workflow's run instead; what its members say follows from their keys. */
  team?: TeamName;
};

const DEEPEST = 2;

/** The runs of one round. */
export function planRuns(seed: number, round: number, count: number, forMs: number): PlannedRun[] {
  return Array.from({ length: count }, (_, index) => planRun(seed, `${round}.${index}`, forMs));
}

export function planRun(seed: number, key: string, forMs: number): PlannedRun {
  const random = randomOf(seed, key, 'run');
  const session = sessionOf(seed, key);
  const at = Math.round(random.next() * forMs);
  const agent = random.chance(0.3) ? 'senior' : 'clerk';
  const control = session ? NOTHING : controlOf(random);
  const team = random.chance(0.12) && !session ? random.pick(TEAM_NAMES) : undefined;
  if (team) {
    return { key, turns: [], at, agent, control: mayBeDoneTo(control), team };
  }
  return { ...planConversation(seed, key), at, agent, control, ...(session ? { session } : {}) };
}

/** Twelve runs in forty belong to sessions of three. */
function sessionOf(seed: number, key: string): PlannedRun['session'] {
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

/** A workflow's run hears no words, and takes another input when it is forked. */
function mayBeDoneTo(control: Control): Control {
  return control.do === 'steer' || control.do === 'fork' ? NOTHING : control;
}

function controlOf(random: Random): Control {
  const after = random.int(0, 3_000);
  const dice = random.next();
  if (dice < 0.1) return { do: 'cancel', after };
  if (dice < 0.22) return { do: 'pause', after, for: random.int(0, 2_000) };
  if (dice < 0.32) return { do: 'steer', after };
  if (dice < 0.42) return { do: 'fork', at: random.next(), after: random.int(0, 12_000) };
  return { do: 'nothing' };
}

/** What the model of the run with this key says; of a child as well, whose key is longer. */
export function planConversation(seed: number, key: string): Conversation {
  const [, tool] = /^[^/]*!(\w+)$/.exec(key) ?? []; // `1.2!spin`: a run that calls just this
  if (tool) {
    return { key, turns: [[{ tool: tool as ToolName, key, rejected: false }]] };
  }
  const depth = key.split('/').length - 1 + (key.includes('@') ? 1 : 0); // members work below somebody too
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
  return tool === 'helper' && depth >= DEEPEST ? 'book' : tool;
}

/** What a call gives back: a word that says which call of which run it was. */
export function expectedResult(seed: number, call: PlannedCall): string {
  if (call.tool === 'helper') {
    return expectedFinalAnswer(seed, planConversation(seed, call.key));
  }
  return `[${call.rejected ? 'rejected' : call.tool}:${call.key}]`;
}

/** What the run says in the end: the words of all its results, so that a wrong or missing one shows. */
export function expectedFinalAnswer(seed: number, { key, turns }: Conversation): string {
  return formatFinalAnswer(
    key,
    turns.flat().map((call) => expectedResult(seed, call)),
  );
}

/** The final answer of a model that was told these results. */
export function formatFinalAnswer(key: string, results: readonly string[]): string {
  const words = results.flatMap((result) => result.match(/\[[a-z_]+:[^\]\s]+\]/g) ?? []);
  return `${key} is done: ${words.join(' ')}`;
}

/** The call that has this key, found again from the key alone. */
export function findPlannedCall(seed: number, key: string): PlannedCall | undefined {
  const [, parent = '', turn, index] = /^(.*)\/(\d+)-(\d+)$/.exec(key) ?? [];
  return planConversation(seed, parent).turns[Number(turn)]?.[Number(index)];
}
