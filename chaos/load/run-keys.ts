import type { TeamName } from './plan.ts';

// A member of a workflow is told a text with keys in it, and is known by the greatest of these and its own name: `1.2@press.1` is
// who was told of 1.2, `1.2@press.1@press.2` who was told what that one had said, `1.2~press` the run of the whole. So every run
// below a workflow has a key of its own, and whatever reached it by a wrong way, or twice, shows.

/** The key in a text; of several the greatest, which is the longest of those that grew out of each other. */
export function findInputKey(text: string): string {
  const keys = [...text.matchAll(/key=(\S+)/g)].map(([, key]) => key as string);
  return keys.toSorted((a, b) => (a < b ? 1 : -1))[0] ?? 'unknown';
}

export const memberKey = (inputKey: string, name: string): string => `${inputKey}@${name}`;
export const teamKey = (inputKey: string, name: TeamName): string => `${inputKey}~${name}`;

/** Which workflow's run has this key; undefined when it is no workflow's. */
export function parseTeamName(key: string): TeamName | undefined {
  const [, name] = /~(\w+)$/.exec(key) ?? [];
  return name as TeamName | undefined;
}

/** Its model refuses to answer: the run of such a member fails, and nothing else does by that. */
export function isBroken(memberOrKey: string): boolean {
  return memberOrKey.endsWith('.broken');
}
