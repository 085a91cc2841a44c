import type { Member, Team } from '../../contracts/agents/definition.ts';
import type { RunState } from '../../contracts/runs/action.ts';
import { truncateMiddle } from '../../text/truncate-middle.ts';

/** As many characters of what a member says of itself as a deciding model reads. */
const READ = 1_000;

/** The members as a deciding model is told of them. */
export function describe({ members }: Team): string {
  return members
    .map(({ name, description = '', capabilities = [], domain, question }) => {
      const said = question ? 'a person, who is asked' : truncateMiddle(description, READ);
      const words = [...capabilities, ...(domain ? [domain] : [])];
      const able = words.length > 0 ? ` (${words.join(', ')})` : '';
      return `- ${name}${able}: ${said}`;
    })
    .join('\n');
}

/** The step that keeps who could do the task. */
export const ROSTER = { name: 'capable_agents', call_id: 'roster' } as const;

/** The step that says whom a task was given to, and why. */
export const DECISION = 'route';

/**
 * The team with the agents it found besides the members listed, which come first and keep their names; undefined while
 * nobody has looked.
 */
export function collectAnswers(team: Team, { attempts }: RunState): Team | undefined {
  if (team.configuration.members !== 'capable') {
    return team;
  }
  const found = attempts.find(
    ({ kind, name, call_id }) =>
      kind === 'tool' && name === ROSTER.name && call_id === ROSTER.call_id,
  );
  const listed = new Set(team.members.flatMap(({ name, agent_id = name }) => [name, agent_id]));
  const others = ((found?.output ?? []) as unknown as Member[]).filter(
    ({ name, agent_id = name }) => !listed.has(name) && !listed.has(agent_id),
  );
  return found && { ...team, members: [...team.members, ...others] };
}
