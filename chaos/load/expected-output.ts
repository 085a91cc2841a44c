import { expectedResult, formatFinalAnswer, planConversation, type TeamName } from './plan.ts';
import { randomOf } from './random.ts';
import { findInputKey, isBrokenMember, memberKey, parseTeamName, teamKey } from './run-keys.ts';
import { TEAMS, type TeamMember } from './teams.ts';

// The outputs of all runs, as pure functions of the seed and the key.

/**
 * Returns the answer of a person who is a member, to a prompt such as `press.ask is asked about …`.
 */
export function personAnswer(prompt: string): string {
  return `key=${memberKey(findInputKey(prompt), /^\S+/.exec(prompt)?.[0] ?? '')} agrees`;
}

/** Returns the prompt of a person. It starts with the name of the member. */
export const personPrompt = (name: string, text: string): string =>
  `${name} is asked about ${text}`;

/** Returns the final answer of a model whose tool calls had these results. */
export function finalModelAnswer(seed: number, key: string, results: readonly string[]): string {
  const [, inputKey = '', name = ''] = /^(.*)@([^@/]+)$/.exec(key) ?? [];
  const random = randomOf(seed, key, 'says');
  if (name.startsWith('jury.')) {
    return `key=${inputKey} is ${random.pick(['red', 'blue'])}`;
  }
  const isRepeated = key.split('@cycle.check').length < 4 && random.chance(0.5);
  const ending = name === 'cycle.check' && isRepeated ? ', once more' : '';
  return `${name === '' ? '' : 'key='}${formatFinalAnswer(key, results)}${ending}`;
}

/** Returns the output of an agent's or a workflow's run; undefined if the run must fail. */
export function expectedOutput(seed: number, key: string): string | undefined {
  if (isBrokenMember(key)) return undefined;
  if (parseTeamName(key)) return simulateTeam(seed, key).output;
  const calls = planConversation(seed, key).turns.flat();
  return finalModelAnswer(
    seed,
    key,
    calls.map((call) => expectedResult(seed, call)),
  );
}

/** Returns the output of a workflow's run, and the keys of its members' runs. */
export function simulateTeam(seed: number, key: string): { output: string; members: string[] } {
  const { simulate, members } = TEAMS[parseTeamName(key) as TeamName];
  const keys: string[] = [];
  const call = (member: TeamMember, text: string): string => {
    if ('person' in member) return personAnswer(personPrompt(member.name, text));
    const inputKey = findInputKey(text);
    const ownKey =
      'team' in member ? teamKey(inputKey, member.team) : memberKey(inputKey, member.name);
    keys.push(ownKey);
    return expectedOutput(seed, ownKey) ?? '';
  };
  const input = `key=${key.slice(0, key.lastIndexOf('~'))}`;
  return { output: simulate({ seed, key, input, members, call }), members: keys };
}
