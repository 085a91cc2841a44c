import type { JsonObject } from '../src/contracts/json.ts';
import { converse, resultOf, type TeamName, wordsOf } from './plan.ts';
import { randomOf } from './random.ts';

// The workflows of the shop, and what must come out of each, told by what a type promises rather than by how it is written.
// A member is told a text with keys in it and known by the greatest of these and its own name: `1.2@press.1` is who was told of
// 1.2, `1.2@press.1@press.2` who was told what that one had said, `1.2~press` the run of the whole. So every run below a workflow
// has a key of its own, and whatever reached it by a wrong way, or twice, shows.

export type Player = { name: string } & (
  | { agent: 'clerk' | 'senior' }
  | { team: TeamName }
  | { person: true }
);

type Play = {
  seed: number;
  /** Of the workflow's run, and what it was told. */
  key: string;
  told: string;
  players: readonly Player[];
  /** What that member says to this; empty when it fails. */
  ask(player: Player, text: string): string;
};

export type Team = {
  type: string;
  players: readonly Player[];
  configuration: JsonObject;
  /** The output; every member is asked exactly as often as it has to be. */
  play(play: Play): string;
  /** The tool its deciding model calls, and with what the n-th time, after it `heard` what came of the time before. */
  decides?: {
    tool: string;
    say(key: string, seed: number, nth: number, heard: string): JsonObject;
  };
};

const clerk = (name: string): Player => ({ name, agent: 'clerk' });
const senior = (name: string): Player => ({ name, agent: 'senior' });
const person = (name: string): Player => ({ name, person: true });
const team = (name: TeamName): Player => ({ name: `the ${name}`, team: name });

/** Each is told what the one before said. */
const inTurn = ({ players, told, ask }: Play): string =>
  players.reduce((said, player) => ask(player, said), told);

/** All are told the same; who fails says nothing. */
const atOnce = (players: readonly Player[], { told, ask }: Play): string[] =>
  players.flatMap((player) => {
    const said = ask(player, told);
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
    play: ({ players, told, ask }) => {
      const said = [told];
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
      return play.ask(play.players[3] as Player, [play.told, ...said].join('\n\n'));
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
    play: ({ players, told, ask }) => {
      const votes = players.map((player) => ask(player, told));
      const count = (vote: string) => votes.filter((one) => one === vote).length;
      return votes.reduce((best, vote) => (count(vote) > count(best) ? vote : best));
    },
  },
  batch: {
    type: 'map',
    players: [team('duo')],
    configuration: { max_concurrency: 3 },
    play: ({ seed, key, players, told, ask }) =>
      JSON.stringify(
        itemsOf(seed, key).map((item) => ask(players[0] as Player, `${told}\n\n${item}`)),
      ),
  },
  rows: {
    type: 'map',
    players: [clerk('rows.1')],
    configuration: {
      query: 'select n from generate_series(0, 2) as n order by n',
      template: '{{input}}#{{item.n}}',
    },
    play: ({ players, told, ask }) =>
      JSON.stringify([0, 1, 2].map((n) => ask(players[0] as Player, `${told}#${n}`))),
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
    play: ({ players, told, ask }) => {
      const [draft, check, left, right, join] = players as [Player, Player, Player, Player, Player];
      let said = ask(check, ask(draft, told));
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
        nth === 0 ? { steps: plannedSteps(key) } : { answer: wordsOf(key, [heard]) },
    },
    play: ({ key, players, ask }) => {
      const said = plannedSteps(key)
        .flat()
        .map(({ member, task }) =>
          ask(players.find(({ name }) => name === member) as Player, task),
        );
      return wordsOf(key, said);
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
    play: ({ players, told, ask }) => {
      const [player] = players as [Player];
      return ask(player, [told, ask(player, told)].join('\n\n'));
    },
  },
  routed: {
    type: 'router',
    players: [clerk('routed.1'), team('duo'), senior('routed.3')],
    configuration: {},
    decides: {
      tool: 'route',
      say: (key, seed) => ({
        members: [{ member: routedTo(key, seed).name, confidence: 0.9, reason: 'It knows this.' }],
      }),
    },
    play: ({ seed, key, told, ask }) => ask(routedTo(key, seed), told),
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

function routedTo(key: string, seed: number): Player {
  return randomOf(seed, key, 'route').pick(TEAMS.routed.players);
}

/** What the run of a map with this key is given to do, one by one. */
export function itemsOf(seed: number, key: string): string[] {
  const count = randomOf(seed, key, 'items').int(2, 6);
  return Array.from({ length: count }, (_, index) => `key=${key}#${index}`);
}

/** The key in a text; of several the greatest, which is the longest of those that grew out of each other. */
export function toldIn(text: string): string {
  const keys = [...text.matchAll(/key=(\S+)/g)].map(([, key]) => key as string);
  return keys.toSorted((a, b) => (a < b ? 1 : -1))[0] ?? 'unknown';
}

export const memberKey = (told: string, name: string): string => `${told}@${name}`;
export const teamKey = (told: string, name: TeamName): string => `${told}~${name}`;

/** Which workflow's run has this key; undefined when it is no workflow's. */
export function teamWithKey(key: string): TeamName | undefined {
  const [, name] = /~(\w+)$/.exec(key) ?? [];
  return name as TeamName | undefined;
}

/** Its model refuses to answer: the run of such a member fails, and nothing else does by that. */
export function isBroken(memberOrKey: string): boolean {
  return memberOrKey.endsWith('.broken');
}

/** What a person says who is a member, to what is asked of him: `press.ask is asked about …`. */
export function personSays(prompt: string): string {
  return `key=${memberKey(toldIn(prompt), /^\S+/.exec(prompt)?.[0] ?? '')} agrees`;
}

export const promptFor = (name: string, text: string): string => `${name} is asked about ${text}`;

/** What a model says in the end whose calls gave these results. */
export function lastWords(seed: number, key: string, results: readonly string[]): string {
  const [, told = '', name = ''] = /^(.*)@([^@/]+)$/.exec(key) ?? [];
  const random = randomOf(seed, key, 'says');
  if (name.startsWith('jury.')) {
    return `key=${told} is ${random.pick(['red', 'blue'])}`;
  }
  const again = key.split('@cycle.check').length < 4 && random.chance(0.5);
  const ending = name === 'cycle.check' && again ? ', once more' : '';
  return `${name === '' ? '' : 'key='}${wordsOf(key, results)}${ending}`;
}

/** What the run with this key says in the end, of an agent or of a workflow; undefined when it is to fail. */
export function outputOf(seed: number, key: string): string | undefined {
  if (isBroken(key)) return undefined;
  if (teamWithKey(key)) return playTeam(seed, key).output;
  const calls = converse(seed, key).turns.flat();
  return lastWords(
    seed,
    key,
    calls.map((call) => resultOf(seed, call)),
  );
}

/** What the workflow's run with this key says in the end, and the keys of the runs of its members. */
export function playTeam(seed: number, key: string): { output: string; members: string[] } {
  const { play, players } = TEAMS[teamWithKey(key) as TeamName];
  const members: string[] = [];
  const ask = (player: Player, text: string): string => {
    if ('person' in player) return personSays(promptFor(player.name, text));
    const told = toldIn(text);
    const member = 'team' in player ? teamKey(told, player.team) : memberKey(told, player.name);
    members.push(member);
    return outputOf(seed, member) ?? '';
  };
  const told = `key=${key.slice(0, key.lastIndexOf('~'))}`;
  return { output: play({ seed, key, told, players, ask }), members };
}
