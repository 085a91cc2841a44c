import { inputKeyOf, isBroken, memberKey, teamKey, teamWithKey } from './run-keys.ts';
import { converse, resultOf, type TeamName, wordsOf } from './plan.ts';
import { randomOf } from './random.ts';
import { type Player, TEAMS } from './teams.ts';

// What every run says in the end, as a pure function of the seed and its key.

/** What a person says who is a member, to what is asked of him: `press.ask is asked about …`. */
export function personSays(prompt: string): string {
  return `key=${memberKey(inputKeyOf(prompt), /^\S+/.exec(prompt)?.[0] ?? '')} agrees`;
}

export const promptFor = (name: string, text: string): string => `${name} is asked about ${text}`;

/** What a model says in the end whose calls gave these results. */
export function lastWords(seed: number, key: string, results: readonly string[]): string {
  const [, inputKey = '', name = ''] = /^(.*)@([^@/]+)$/.exec(key) ?? [];
  const random = randomOf(seed, key, 'says');
  if (name.startsWith('jury.')) {
    return `key=${inputKey} is ${random.pick(['red', 'blue'])}`;
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
    const inputKey = inputKeyOf(text);
    const member =
      'team' in player ? teamKey(inputKey, player.team) : memberKey(inputKey, player.name);
    members.push(member);
    return outputOf(seed, member) ?? '';
  };
  const input = `key=${key.slice(0, key.lastIndexOf('~'))}`;
  return { output: play({ seed, key, input: input, players, ask }), members };
}
