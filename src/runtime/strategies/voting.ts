import type { AgentDefinition, Member, Team } from '../../contracts/agents/definition.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import { hasMembers, type Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { truncate } from '../../text/truncate.ts';
import { failurePolicyOf } from '../teams/failure-policy.ts';
import { fanOut } from '../teams/fan-out.ts';
import { type NamedTask, resultOf } from '../teams/join-answers.ts';
import { failTeam, finishTeam } from '../teams/team-actions.ts';

/** Maximum length of an answer that an error quotes, in characters. */
const MAX_QUOTED = 500;

/**
 * Returns the next action of a voting workflow. All members answer the same question, and the
 * answer that most of them gave is the answer of the workflow.
 */
export function nextVotingAction(definition: AgentDefinition, state: RunState): Action {
  const { members, configuration } = definition.workflow as Team;
  const policy = failurePolicyOf(configuration, 'ignore');
  const { named, pending } = fanOut(members, state, policy, configuration);
  if (pending) return pending;
  const votes = named.filter(({ task }) => task.state === 'answered');
  const counted =
    configuration.method === 'ranked'
      ? countRanks(votes)
      : countVotes(votes, configuration.method === 'weighted' ? members : []);
  return electWinner(counted, votes, configuration.ties === 'fail');
}

/**
 * An answer that was voted for, as its first voter wrote it, with its points. Candidates are in the
 * order of their first votes.
 */
type Candidate = {
  output: string;
  data: Json;
  points: number;
  voters: string[];
};

function countVotes(votes: readonly NamedTask[], weighted: readonly Member[]): Candidate[] {
  const candidates = new Map<string, Candidate>();
  for (const { name, task } of votes) {
    const weight = weighted.find((member) => member.name === name)?.configuration.weight;
    add(candidates, name, task.output, task.data, typeof weight === 'number' ? weight : 1);
  }
  return [...candidates.values()];
}

/**
 * Counts ranked votes by the Borda count: of n places, the first is worth n points and the last is
 * worth one. A vote is a list, the best first.
 */
function countRanks(votes: readonly NamedTask[]): Candidate[] {
  const candidates = new Map<string, Candidate>();
  const lists = votes.map(({ name, task }) => ({ name, list: listOf(resultOf(task)) }));
  const places = Math.max(0, ...lists.map(({ list }) => list.length));
  for (const { name, list } of lists) {
    for (const [at, one] of list.entries()) {
      add(candidates, name, typeof one === 'string' ? one : JSON.stringify(one), one, places - at);
    }
  }
  return [...candidates.values()];
}

/** Reads a list from data, from JSON, or from lines of text. */
function listOf(value: Json): Json[] {
  if (Array.isArray(value)) {
    return value;
  }
  const text = String(value);
  try {
    const parsed: Json = parseJson(text);
    return Array.isArray(parsed) ? parsed : [parsed];
  } catch {
    return text
      .split('\n')
      .map((line) => line.replace(/^\s*(?:\d+[.)]|[-*])\s*/, '').trim())
      .filter((line) => line !== '');
  }
}

function add(
  candidates: Map<string, Candidate>,
  voter: string,
  output: string,
  data: Json,
  points: number,
): void {
  const key = keyOf(output, data);
  const known = candidates.get(key);
  candidates.set(key, {
    output: known?.output ?? output,
    data: known?.data ?? data,
    points: (known?.points ?? 0) + points,
    voters: [...(known?.voters ?? []), voter],
  });
}

/**
 * Returns the key of an answer. Answers that differ only in spaces, case or a full stop at the end
 * have the same key.
 */
function keyOf(output: string, data: Json): string {
  return hasMembers(data)
    ? canonicalJson(data)
    : output.trim().replaceAll(/\s+/g, ' ').replace(/\.$/, '').toLowerCase();
}

function electWinner(
  candidates: readonly Candidate[],
  votes: readonly NamedTask[],
  isTieFatal: boolean,
): Action {
  const [first, ...others] = candidates.toSorted((a, b) => b.points - a.points);
  if (!first) {
    return failTeam('no_votes', 'no member cast a vote');
  }
  const equal = others.filter(({ points }) => points === first.points);
  if (equal.length > 0 && isTieFatal) {
    const tied = [first, ...equal].map(({ output }) => truncate(output, MAX_QUOTED)).join(' | ');
    return failTeam('tied_vote', `the vote is a tie between ${equal.length + 1} answers: ${tied}`);
  }
  const elected = votes.filter(({ name }) => first.voters.includes(name));
  return finishTeam(
    first.output,
    first.data,
    elected.map(({ task }) => task),
  );
}
