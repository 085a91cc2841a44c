import type { TeamName } from './plan.ts';

// Every run has a key, which the input of the run contains. The key of a workflow member consists
// of the greatest key in its input and the name of the member:
// - `1.2~press` is the run of the workflow press with the input key 1.2;
// - `1.2@press.1` is its member press.1, which received the input of the workflow;
// - `1.2@press.1@press.2` is its member press.2, which received the output of press.1.
// The keys of all runs below a workflow differ, so a wrong or repeated input is detected.

/** Finds the greatest key in a text. If keys extend each other, that is the longest of them. */
export function findInputKey(text: string): string {
  const keys = [...text.matchAll(/key=(\S+)/g)].map(([, key]) => key as string);
  return keys.toSorted((a, b) => (a < b ? 1 : -1))[0] ?? 'unknown';
}

/** The key of a workflow member, by the key of its input. */
export const memberKey = (inputKey: string, name: string): string => `${inputKey}@${name}`;
/** The key of a workflow's own run. */
export const teamKey = (inputKey: string, name: TeamName): string => `${inputKey}~${name}`;

/** Returns the workflow of a key; undefined for runs of agents. */
export function parseTeamName(key: string): TeamName | undefined {
  const [, name] = /~(\w+)$/.exec(key) ?? [];
  return name as TeamName | undefined;
}

/**
 * Returns whether the model rejects all requests of this member. Its run fails, and the workflow
 * must tolerate that.
 */
export function isBrokenMember(memberOrKey: string): boolean {
  return memberOrKey.endsWith('.broken');
}
