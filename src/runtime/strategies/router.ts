import type { Action, RunState } from '../../contracts/action.ts';
import type { AgentDefinition, Member, Team } from '../../contracts/definition.ts';
import type { JsonObject } from '../../contracts/json.ts';
import { lexicalScores } from '../../providers/local/lexical.ts';
import { queryStems } from '../../providers/local/words.ts';
import { type Decider, decide, decisionsOf } from '../teams/decisions.ts';
import { answerOf } from '../teams/joined.ts';
import { failureOf } from '../teams/policy.ts';
import { describe } from '../teams/roster.ts';
import { begin, fail, inputOf, memberNamed, taskFor, tasksOf, WAIT } from '../teams/tasks.ts';

/** The members who were chosen are given the task; by a model, or by the words the task has in common with them. */
export function next(definition: AgentDefinition, state: RunState): Action {
  const team = definition.workflow as Team;
  const chosen = choice(definition, team, state);
  if (!Array.isArray(chosen)) {
    return chosen;
  }
  const tasks = tasksOf(state);
  const missing = chosen.filter(({ name }) => !tasks.has(name));
  if (missing.length > 0) {
    const given = missing.map((member) => taskFor(member.name, member, inputOf(state)));
    return begin(state, given, { wakes_on: 'failure' });
  }
  const named = chosen.flatMap(({ name }) => {
    const task = tasks.get(name);
    return task ? [{ name, task }] : [];
  });
  const failure = failureOf(named, 'fail', {});
  if (failure) {
    return fail(failure);
  }
  return named.some(({ task }) => task.state === 'live') ? WAIT : answerOf(named);
}

/** Who is to do it, or what has to be done to know. */
function choice(definition: AgentDefinition, team: Team, state: RunState): Member[] | Action {
  const { configuration } = team;
  const most = Number(configuration.top_k ?? 1);
  const isLexical =
    configuration.method === 'lexical' || definition.models[0]?.provider === 'local';
  if (isLexical) {
    return sureEnough(byWords(team, inputOf(state)).slice(0, most), team);
  }
  const decider = deciderOf(team, state, most);
  const made = decisionsOf(state, decider).find(({ faults }) => faults.length === 0);
  if (!made) {
    return decide(definition, state, decider);
  }
  const picked = (made.value.members as JsonObject[]).slice(0, most).map((one) => {
    return { name: String(one.member), confidence: Number(one.confidence) };
  });
  return sureEnough(picked, team);
}

type Pick = { name: string; confidence: number };

function sureEnough(picks: readonly Pick[], team: Team): Member[] | Action {
  const { min_confidence = 0, fallback } = team.configuration;
  const sure = picks.filter(({ confidence }) => confidence >= Number(min_confidence));
  const names = sure.length > 0 ? sure.map(({ name }) => name) : [fallback].map(String);
  const members = [...new Set(names)].flatMap((name) => memberNamed(team, name) ?? []);
  return members.length > 0
    ? members
    : fail('no member is chosen with enough confidence, and configuration.fallback names none');
}

function byWords({ members }: Team, task: string): Pick[] {
  const offers = members.map(({ name, description = '', capabilities = [] }) => {
    return { name, description: [description, ...capabilities].join(' '), parameters: {} };
  });
  const scores = lexicalScores(offers, queryStems(task));
  const sum = scores.reduce((all, score) => all + score, 0);
  return members
    .map(({ name }, at) => ({ name, confidence: sum > 0 ? (scores[at] ?? 0) / sum : 0 }))
    .filter(({ confidence }) => confidence > 0)
    .sort((a, b) => b.confidence - a.confidence);
}

function deciderOf(team: Team, state: RunState, most: number): Decider {
  const names = team.members.map(({ name }) => name);
  const pick = {
    type: 'object',
    properties: {
      member: { type: 'string', enum: names },
      confidence: { type: 'number', minimum: 0, maximum: 1 },
      reason: { type: 'string' },
    },
    required: ['member', 'confidence', 'reason'],
    additionalProperties: false,
  };
  return {
    tool: {
      name: 'route',
      description: 'Says who is given the task, the best one first.',
      parameters: {
        type: 'object',
        properties: { members: { type: 'array', items: pick, minItems: 1, maxItems: most } },
        required: ['members'],
        additionalProperties: false,
      },
    },
    about: `You decide who is given a task; you do not do it. The members:\n${describe(team)}`,
    task: inputOf(state),
    outcome: () => 'It was given to them.',
  };
}
