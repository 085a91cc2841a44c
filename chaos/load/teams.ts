import type { JsonObject } from '../../src/json/json.ts';
import { formatFinalAnswer, type TeamName } from './plan.ts';
import { randomOf } from './random.ts';
import { isBrokenMember } from './run-keys.ts';

// The workflows of the shop. `simulate` derives the output from the documented behaviour of the
// type, not from the code under test.

export type TeamMember = { name: string } & (
  | { agent: 'clerk' | 'senior' }
  | { team: TeamName }
  | { person: true }
);

type Simulation = {
  seed: number;
  /** The key of the workflow's run. */
  key: string;
  input: string;
  members: readonly TeamMember[];
  /** Returns the output of a member for an input; empty if the member fails. */
  call(member: TeamMember, input: string): string;
};

export type Team = {
  type: string;
  members: readonly TeamMember[];
  configuration: JsonObject;
  /** Returns the output, and calls each member as often as the workflow must. */
  simulate(simulation: Simulation): string;
  /** The decisions of the workflow's own model, each a call of `tool`. */
  decisions?: {
    tool: string;
    /** Returns the arguments of the nth call, after the results of the previous call. */
    argumentsOf(key: string, seed: number, nth: number, results: string): JsonObject;
  };
};

const clerk = (name: string): TeamMember => ({ name, agent: 'clerk' });
const senior = (name: string): TeamMember => ({ name, agent: 'senior' });
const person = (name: string): TeamMember => ({ name, person: true });
const team = (name: TeamName): TeamMember => ({ name: `the ${name}`, team: name });

/** Calls members one after another. The input of each is the output of the previous one. */
const callInSequence = ({ members, input, call }: Simulation): string =>
  members.reduce((output, member) => call(member, output), input);

/** Calls members with the same input. Returns the outputs, without those of failed members. */
const callInParallel = (members: readonly TeamMember[], { input, call }: Simulation): string[] =>
  members.flatMap((member) => {
    const output = call(member, input);
    return isBrokenMember(member.name) ? [] : [`${member.name}:\n${output}`];
  });

export const TEAMS: Record<TeamName, Team> = {
  duo: {
    type: 'chain',
    members: [clerk('duo.1'), senior('duo.2')],
    configuration: {},
    simulate: callInSequence,
  },
  press: {
    type: 'chain',
    members: [clerk('press.1'), person('press.ask'), clerk('press.2')],
    configuration: { cumulative: true },
    simulate: ({ members, input, call }) => {
      const texts = [input];
      for (const member of members) texts.push(call(member, texts.join('\n\n')));
      return texts.at(-1) as string;
    },
  },
  crew: {
    type: 'parallel',
    members: [clerk('crew.1'), clerk('crew.broken'), senior('crew.2'), clerk('crew.sum')],
    configuration: {
      on_failure: 'quorum',
      quorum: 2,
      aggregator: 'crew.sum',
      max_concurrency: 2,
    },
    simulate: (simulation) => {
      const { members, input, call } = simulation;
      const outputs = callInParallel(members.slice(0, 3), simulation);
      return call(members[3] as TeamMember, [input, ...outputs].join('\n\n'));
    },
  },
  wide: {
    type: 'parallel',
    members: [clerk('wide.1'), clerk('wide.broken'), person('wide.ask'), clerk('wide.2')],
    configuration: { on_failure: 'ignore' },
    simulate: (simulation) => callInParallel(simulation.members, simulation).join('\n\n'),
  },
  jury: {
    type: 'voting',
    members: [clerk('jury.1'), senior('jury.2'), clerk('jury.3')],
    configuration: { max_concurrency: 2 },
    simulate: ({ members, input, call }) => {
      const votes = members.map((member) => call(member, input));
      const count = (vote: string) => votes.filter((one) => one === vote).length;
      return votes.reduce((best, vote) => (count(vote) > count(best) ? vote : best));
    },
  },
  batch: {
    type: 'map',
    members: [team('duo')],
    configuration: { max_concurrency: 3 },
    simulate: ({ seed, key, members, input, call }) =>
      JSON.stringify(
        planMapItems(seed, key).map((item) =>
          call(members[0] as TeamMember, `${input}\n\n${item}`),
        ),
      ),
  },
  rows: {
    type: 'map',
    members: [clerk('rows.1')],
    configuration: {
      query: 'select n from generate_series(0, 2) as n order by n',
      template: '{{input}}#{{item.n}}',
    },
    simulate: ({ members, input, call }) =>
      JSON.stringify([0, 1, 2].map((n) => call(members[0] as TeamMember, `${input}#${n}`))),
  },
  cycle: {
    type: 'graph',
    members: ['draft', 'check', 'left', 'right', 'join'].map((name) => clerk(`cycle.${name}`)),
    configuration: {
      start: 'cycle.draft',
      edges: [
        { from: 'cycle.draft', to: 'cycle.check' },
        { from: 'cycle.check', to: 'cycle.draft', when: "output.contains('once more')" },
        { from: 'cycle.check', to: 'cycle.left', when: "!output.contains('once more')" },
        { from: 'cycle.check', to: 'cycle.right', when: "!output.contains('once more')" },
        { from: 'cycle.left', to: 'cycle.join' },
        { from: 'cycle.right', to: 'cycle.join' },
      ],
      joins: { 'cycle.join': 'all' },
    },
    simulate: ({ members, input, call }) => {
      const [draft, check, left, right, join] = members as [
        TeamMember,
        TeamMember,
        TeamMember,
        TeamMember,
        TeamMember,
      ];
      let output = call(check, call(draft, input));
      while (output.includes('once more')) output = call(check, call(draft, output));
      return call(join, [call(left, output), call(right, output)].join('\n\n'));
    },
  },
  planned: {
    type: 'orchestrator',
    members: [clerk('planned.1'), team('duo')],
    configuration: {},
    decisions: {
      tool: 'plan',
      argumentsOf: (key, _seed, nth, results) =>
        nth === 0 ? { steps: plannedSteps(key) } : { answer: formatFinalAnswer(key, [results]) },
    },
    simulate: ({ key, members, call }) => {
      const outputs = plannedSteps(key)
        .flat()
        .map(({ member, task }) =>
          call(members.find(({ name }) => name === member) as TeamMember, task),
        );
      return formatFinalAnswer(key, outputs);
    },
  },
  judged: {
    type: 'evaluator_optimizer',
    members: [senior('judged.1')],
    configuration: {},
    decisions: {
      tool: 'judge',
      argumentsOf: (_key, _seed, nth) => ({
        score: nth * 0.5,
        passed: nth === 1,
        feedback: 'Do better.',
      }),
    },
    simulate: ({ members, input, call }) => {
      const [member] = members as [TeamMember];
      return call(member, [input, call(member, input)].join('\n\n'));
    },
  },
  routed: {
    type: 'router',
    members: [clerk('routed.1'), team('duo'), senior('routed.3')],
    configuration: {},
    decisions: {
      tool: 'route',
      argumentsOf: (key, seed) => ({
        members: [
          { member: chooseMember(key, seed).name, confidence: 0.9, reason: 'It knows this.' },
        ],
      }),
    },
    simulate: ({ seed, key, input, call }) => call(chooseMember(key, seed), input),
  },
  block: {
    type: 'chain',
    members: [clerk('block.1'), team('press')],
    configuration: {},
    simulate: callInSequence,
  },
  house: {
    type: 'chain',
    members: [team('crew'), team('block')],
    configuration: {},
    simulate: callInSequence,
  },
};

/** Returns the plan of the orchestrator: a list of stages, each with its tasks. */
function plannedSteps(key: string): { member: string; task: string }[][] {
  const task = (member: string, at: number) => ({ member, task: `Please do key=${key}#${at}` });
  return [[task('planned.1', 1), task('the duo', 2)], [task('planned.1', 3)]];
}

/** Returns the member that the router chooses. */
function chooseMember(key: string, seed: number): TeamMember {
  return randomOf(seed, key, 'route').pick(TEAMS.routed.members);
}

/** Returns the items of a map's run. */
export function planMapItems(seed: number, key: string): string[] {
  const count = randomOf(seed, key, 'items').int(2, 6);
  return Array.from({ length: count }, (_, index) => `key=${key}#${index}`);
}
