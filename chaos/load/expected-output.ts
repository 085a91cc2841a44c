import { findInputKey, isBroken, memberKey, teamKey, parseTeamName } from './run-keys.ts';
import { planConversation, expectedResult, type TeamName, formatFinalAnswer } from './plan.ts';
import { randomOf } from './random.ts';
import { type TeamMember, TEAMS } from './teams.ts';

// What every run says in the end, as a pure function of the seed and its key.

/** What a person says who is a member, to what is asked of him: `press.ask is asked about …`. */
export function personAnswer(prompt: string): string {
  return `key=${memberKey(findInputKey(prompt), /^\S+/.exec(prompt)?.[0] ?? '')} agrees`;
}

export const personPrompt = (name: string, text: string): string =>
  `${name} is asked about ${text}`;

/** What a model says in the end whose calls gave these results. */
export function lastWords(seed: number, key: string, results: readonly string[]): string {
  const [, inputKey = '', name = ''] = /^(.*)@([^@/]+)$/.exec(key) ?? [];
  const random = randomOf(seed, key, 'says');
  if (name.startsWith('jury.')) {
    return `key=${inputKey} is ${random.pick(['red', 'blue'])}`;
  }
  const again = key.split('@cycle.check').length < 4 && random.chance(0.5);
  const ending = name === 'cycle.check' && again ? ', once more' : '';
  return `${name === '' ? '' : 'key='}${formatFinalAnswer(key, results)}${ending}`;
}

/** What the run with this key says in the end, of an agent or of a workflow; undefined when it is to fail. */
export function expectedOutput(seed: number, key: string): string | undefined {
  if (isBroken(key)) return undefined;
  if (parseTeamName(key)) return simulateTeam(seed, key).output;
  const calls = planConversation(seed, key).turns.flat();
  return lastWords(
    seed,
    key,
    calls.map((call) => expectedResult(seed, call)),
  );
}

/** What the workflow's run with this key says in the end, and the keys of the runs of its members. */
export function simulateTeam(seed: number, key: string): { output: string; members: string[] } {
  const { play, players } = TEAMS[parseTeamName(key) as TeamName];
  const members: string[] = [];
  const ask = (player: TeamMember, text: string): string => {
    if ('person' in player) return personAnswer(personPrompt(player.name, text));
    const inputKey = findInputKey(text);
    const member =
      'team' in player ? teamKey(inputKey, player.team) : memberKey(inputKey, player.name);
    members.push(member);
    return expectedOutput(seed, member) ?? '';
  };
  const input = `key=${key.slice(0, key.lastIndexOf('~'))}`;
  return { output: play({ seed, key, input: input, players, ask }), members };
}
