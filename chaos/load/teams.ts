import type { JsonObject } from '../../src/json/json.ts';
import { isBroken } from './run-keys.ts';
import { type TeamName, formatFinalAnswer } from './plan.ts';
import { randomOf } from './random.ts';

// The workflows of the shop, each with what must come out of it, by the promise of its type and not by its code.

export type TeamMember = { name: string } & (
  | { agent: 'clerk' | 'senior' }
  | { team: TeamName }
  | { person: true }
);

type Play = {
  seed: number;
  /** Of the workflow's run, and its input. */
  key: string;
  input: string;
  players: readonly TeamMember[];
  /** What that member says to this; empty when it fails. */
  ask(player: TeamMember, text: string): string;
};

export type Team = {
  type: string;
  players: readonly TeamMember[];
  configuration: JsonObject;
  /** The output; every member is asked exactly as often as it has to be. */
  play(play: Play): string;
  /** The tool its deciding model calls, and with what the n-th time, after it `heard` what came of the time before. */
  decides?: {
    tool: string;
    say(key: string, seed: number, nth: number, heard: string): JsonObject;
  };
};

const clerk = (name: string): TeamMember => ({ name, agent: 'clerk' });
const senior = (name: string): TeamMember => ({ name, agent: 'senior' });
const person = (name: string): TeamMember => ({ name, person: true });
const team = (name: TeamName): TeamMember => ({ name: `the ${name}`, team: name });

/** The input of each is the output of the one before. */
const inTurn = ({ players, input, ask }: Play): string =>
  players.reduce((said, player) => ask(player, said), input);

/** All have the same input; who fails says nothing. */
const atOnce = (players: readonly TeamMember[], { input, ask }: Play): string[] =>
  players.flatMap((player) => {
    const said = ask(player, input);
    return isBroken(player.name) ? [] : [`${player.name}:\n${said}`];
  });

export const TEAMS: Record<TeamName, Team> = {
  duo: {
    type: 'chain',
    players: [clerk('duo.1'), senior('duo.2')],
    configuration: {},
    play: inTurn,
  },
  press: {
    type: 'chain',
    players: [clerk('press.1'), person('press.ask'), clerk('press.2')],
    configuration: { cumulative: true },
    play: ({ players, input, ask }) => {
      const said = [input];
      for (const player of players) said.push(ask(player, said.join('\n\n')));
      return said.at(-1) as string;
    },
  },
  crew: {
    type: 'parallel',
    players: [clerk('crew.1'), clerk('crew.broken'), senior('crew.2'), clerk('crew.sum')],
    configuration: {
      on_failure: 'quorum',
      quorum: 2,
      aggregator: 'crew.sum',
      max_concurrency: 2,
    },
    play: (play) => {
      const said = atOnce(play.players.slice(0, 3), play);
      return play.ask(play.players[3] as TeamMember, [play.input, ...said].join('\n\n'));
    },
  },
  wide: {
    type: 'parallel',
    players: [clerk('wide.1'), clerk('wide.broken'), person('wide.ask'), clerk('wide.2')],
    configuration: { on_failure: 'ignore' },
    play: (play) => atOnce(play.players, play).join('\n\n'),
  },
  jury: {
    type: 'voting',
    players: [clerk('jury.1'), senior('jury.2'), clerk('jury.3')],
    configuration: { max_concurrency: 2 },
    play: ({ players, input, ask }) => {
      const votes = players.map((player) => ask(player, input));
      const count = (vote: string) => votes.filter((one) => one === vote).length;
      return votes.reduce((best, vote) => (count(vote) > count(best) ? vote : best));
    },
  },
  batch: {
    type: 'map',
    players: [team('duo')],
    configuration: { max_concurrency: 3 },
    play: ({ seed, key, players, input, ask }) =>
      JSON.stringify(
        planMapItems(seed, key).map((item) => ask(players[0] as TeamMember, `${input}\n\n${item}`)),
      ),
  },
  rows: {
    type: 'map',
    players: [clerk('rows.1')],
    configuration: {
      query: 'select n from generate_series(0, 2) as n order by n',
      template: '{{input}}#{{item.n}}',
    },
    play: ({ players, input, ask }) =>
      JSON.stringify([0, 1, 2].map((n) => ask(players[0] as TeamMember, `${input}#${n}`))),
  },
  cycle: {
    type: 'graph',
    players: ['draft', 'check', 'left', 'right', 'join'].map((name) => clerk(`cycle.${name}`)),
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
    play: ({ players, input, ask }) => {
      const [draft, check, left, right, join] = players as [
        TeamMember,
        TeamMember,
        TeamMember,
        TeamMember,
        TeamMember,
      ];
      let said = ask(check, ask(draft, input));
      while (said.includes('once more')) said = ask(check, ask(draft, said));
      return ask(join, [ask(left, said), ask(right, said)].join('\n\n'));
    },
  },
  planned: {
    type: 'orchestrator',
    players: [clerk('planned.1'), team('duo')],
    configuration: {},
    decides: {
      tool: 'plan',
      say: (key, _seed, nth, heard) =>
        nth === 0 ? { steps: plannedSteps(key) } : { answer: formatFinalAnswer(key, [heard]) },
    },
    play: ({ key, players, ask }) => {
      const said = plannedSteps(key)
        .flat()
        .map(({ member, task }) =>
          ask(players.find(({ name }) => name === member) as TeamMember, task),
        );
      return formatFinalAnswer(key, said);
    },
  },
  judged: {
    type: 'evaluator_optimizer',
    players: [senior('judged.1')],
    configuration: {},
    decides: {
      tool: 'judge',
      say: (_key, _seed, nth) => ({ score: nth * 0.5, passed: nth === 1, feedback: 'Do better.' }),
    },
    play: ({ players, input, ask }) => {
      const [player] = players as [TeamMember];
      return ask(player, [input, ask(player, input)].join('\n\n'));
    },
  },
  routed: {
    type: 'router',
    players: [clerk('routed.1'), team('duo'), senior('routed.3')],
    configuration: {},
    decides: {
      tool: 'route',
      say: (key, seed) => ({
        members: [
          { member: chosenMember(key, seed).name, confidence: 0.9, reason: 'It knows this.' },
        ],
      }),
    },
    play: ({ seed, key, input, ask }) => ask(chosenMember(key, seed), input),
  },
  block: {
    type: 'chain',
    players: [clerk('block.1'), team('press')],
    configuration: {},
    play: inTurn,
  },
  house: {
    type: 'chain',
    players: [team('crew'), team('block')],
    configuration: {},
    play: inTurn,
  },
};

function plannedSteps(key: string): { member: string; task: string }[][] {
  const task = (member: string, at: number) => ({ member, task: `Please do key=${key}#${at}` });
  return [[task('planned.1', 1), task('the duo', 2)], [task('planned.1', 3)]];
}

function chosenMember(key: string, seed: number): TeamMember {
  return randomOf(seed, key, 'route').pick(TEAMS.routed.players);
}

/** What the run of a map with this key is given to do, one by one. */
export function planMapItems(seed: number, key: string): string[] {
  const count = randomOf(seed, key, 'items').int(2, 6);
  return Array.from({ length: count }, (_, index) => `key=${key}#${index}`);
}
