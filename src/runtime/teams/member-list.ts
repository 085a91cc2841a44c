import type { Member, Team } from '../../contracts/agents/definition.ts';
import type { RunState } from '../../contracts/runs/action.ts';
import { truncateMiddle } from '../../text/truncate-middle.ts';

/** Maximum length of the description of a member that a deciding model reads, in characters. */
const READ = 1_000;

/** Describes the members for a deciding model. */
export function describeMembers({ members }: Team): string {
  return members
    .map(({ name, description = '', capabilities = [], domain, question }) => {
      const summary = question ? 'a person, who is asked' : truncateMiddle(description, READ);
      const words = [...capabilities, ...(domain ? [domain] : [])];
      const able = words.length > 0 ? ` (${words.join(', ')})` : '';
      return `- ${name}${able}: ${summary}`;
    })
    .join('\n');
}

/** Step that stores which agents could do the task. */
export const ROSTER = { name: 'capable_agents', call_id: 'roster' } as const;

/** Name of the step that records to whom a task was given, and why. */
export const DECISION = 'route';

/**
 * Returns the team with the agents that were found in addition to the listed members. Listed
 * members come first and keep their names. Returns undefined while no search has been made.
 */
export function withFoundMembers(
  team: Team,
  { steps_since_answer: steps }: RunState,
): Team | undefined {
  if (team.configuration.members !== 'capable') {
    return team;
  }
  const found = steps.find(
    ({ kind, name, call_id }) =>
      kind === 'tool' && name === ROSTER.name && call_id === ROSTER.call_id,
  );
  const listed = new Set(team.members.flatMap(({ name, agent_id = name }) => [name, agent_id]));
  const others = ((found?.output ?? []) as unknown as Member[]).filter(
    ({ name, agent_id = name }) => !listed.has(name) && !listed.has(agent_id),
  );
  return found && { ...team, members: [...team.members, ...others] };
}
