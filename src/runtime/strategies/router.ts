import type { AgentDefinition, Member, Team } from '../../contracts/agents/definition.ts';
import type {
  Action,
  RoutingDecision,
  RunState,
  TeamDecision,
} from '../../contracts/runs/action.ts';
import type { JsonObject } from '../../json/json.ts';
import { lexicalScores } from '../../providers/local/lexical.ts';
import { queryStems } from '../../providers/local/words.ts';
import { truncateMiddle } from '../../text/truncate-middle.ts';
import { nextModelCall } from '../model-calls/choose-model-call.ts';
import { memberDescriptions, readSimilarity } from '../model-calls/text-similarity.ts';
import { type Decider, decide, decisionsOf } from '../teams/decisions.ts';
import { teamFailure } from '../teams/failure-policy.ts';
import { finishWithAnswers } from '../teams/join-answers.ts';
import { DECISION, describeMembers, withFoundMembers } from '../teams/member-list.ts';
import { memberNamed, runInputOf, taskFor, tasksOf } from '../teams/tasks.ts';
import { failAtLimit, failTeam, startTasks, WAIT } from '../teams/team-actions.ts';

/**
 * Returns the next action of a router workflow, which gives the task to the chosen members. Members
 * are chosen by a model, by the words that the task has in common with them, or by the similarity
 * of the task to their descriptions.
 */
export function nextRouterAction(definition: AgentDefinition, state: RunState): Action {
  const team = withFoundMembers(definition.workflow as Team, state);
  if (!team) {
    return { type: 'find_members' };
  }
  const choice = choose(definition, team, state);
  if ('type' in choice) {
    return choice;
  }
  if (choice.members.length === 0) {
    return isDecisionLogged(state)
      ? NOT_SURE
      : { ...NOT_SURE, decision: routingStep(choice.decision) };
  }
  const tasks = tasksOf(state);
  const missing = choice.members.filter(({ name }) => !tasks.has(name));
  if (missing.length > 0) {
    const newTasks = missing.map((member) => taskFor(member.name, member, runInputOf(state)));
    return startTasks(state, newTasks, {
      wakes_on: 'failure',
      ...(isDecisionLogged(state) ? {} : { decision: routingStep(choice.decision) }),
    });
  }
  const named = choice.members.flatMap(({ name }) => {
    const task = tasks.get(name);
    return task ? [{ name, task }] : [];
  });
  const failure = teamFailure(named, 'fail', {});
  if (failure) {
    return failTeam('member_failed', failure);
  }
  return named.some(({ task }) => task.state === 'live') ? WAIT : finishWithAnswers(named);
}

/**
 * Returns true when the log contains the decision, which is logged with the first thing that comes
 * of it.
 */
function isDecisionLogged({ steps_since_answer: steps }: RunState): boolean {
  return steps.some(({ kind, name }) => kind === 'tool' && name === DECISION);
}

function routingStep(output: RoutingDecision): TeamDecision {
  return { name: DECISION, call_id: DECISION, output };
}

type Choice = { members: Member[]; decision: RoutingDecision };

/** Returns the chosen members, or the action that is needed to choose them. */
function choose(definition: AgentDefinition, team: Team, state: RunState): Choice | Action {
  const { configuration } = team;
  const most = Number(configuration.top_k ?? 1);
  if (configuration.method === 'embedding') {
    return byNearness(definition, team, state, most);
  }
  const isLexical =
    configuration.method === 'lexical' || definition.models[0]?.provider === 'local';
  if (isLexical) {
    const picks = byWords(team, runInputOf(state));
    return requireConfidence('lexical', picks.slice(0, most), picks, team);
  }
  if (team.members.length === 0) {
    return NO_AGENT_AVAILABLE;
  }
  const decider = deciderOf(team, state, most);
  const decision = decisionsOf(state, decider).find(({ faults }) => faults.length === 0);
  if (!decision) {
    return decide(definition, state, decider);
  }
  const picked = (decision.value.members as JsonObject[]).slice(0, most).map((one) => {
    const { member, confidence, reason } = one;
    return { member: String(member), confidence: Number(confidence), reason: String(reason) };
  });
  return requireConfidence('llm', picked, picked, team);
}

const NO_AGENT_AVAILABLE = failTeam('no_route', 'no agent is available for the task');
const NOT_SURE = failTeam(
  'no_route',
  'no member was chosen with enough confidence, and configuration.fallback is not set',
);

type RankedMember = RoutingDecision['chosen'][number];

/**
 * Maximum length of a text for an embedding, in characters, because models would refuse a longer
 * text.
 */
const READ = 4_000;

/** Chooses members by the scores of an embedding model, which is called once. */
function byNearness(
  definition: AgentDefinition,
  team: Team,
  state: RunState,
  most: number,
): Choice | Action {
  const seen = readSimilarity(state);
  if (seen) {
    const scored = seen.scores.map(({ member, score }) => ({ member, confidence: score }));
    const picks = scored
      .filter(({ confidence }) => confidence > 0)
      .sort((a, b) => b.confidence - a.confidence);
    return requireConfidence('embedding', picks.slice(0, most), scored, team);
  }
  if (team.members.length === 0) {
    return NO_AGENT_AVAILABLE;
  }
  if (state.exhausted) {
    return failAtLimit(state.exhausted);
  }
  return nextModelCall(definition, state, (_definition, _state, model, attempt) => {
    // a token may be as short as two letters
    const most = Math.min(READ, 2 * (model.context_tokens ?? READ));
    const query = truncateMiddle(runInputOf(state), most);
    const texts = team.members.map((member) => {
      return { member: member.name, text: truncateMiddle(memberDescriptions(member), most) };
    });
    return { type: 'embed', model, attempt, query, texts };
  });
}

const REASONS = {
  lexical: 'the task has most words in common with what is said of them',
  embedding: 'the task is nearest to what is said of them',
};

/**
 * Returns the members with enough confidence, or else the fallback. Returns no member when there is
 * no fallback.
 */
function requireConfidence(
  method: RoutingDecision['method'],
  picks: readonly RankedMember[],
  scored: readonly RankedMember[],
  team: Team,
): Choice {
  const { min_confidence = 0, fallback } = team.configuration;
  const sure = picks.filter(({ confidence }) => confidence >= Number(min_confidence));
  const chosen = (sure.length > 0 ? sure : [{ member: String(fallback), confidence: 0 }]).filter(
    ({ member }) => memberNamed(team, member),
  );
  const names = new Set(chosen.map(({ member }) => member));
  const members = [...names].flatMap((name) => memberNamed(team, name) ?? []);
  const why =
    method === 'llm' ? sure.flatMap(({ reason = '' }) => reason).join('; ') : REASONS[method];
  const isFallback = 'no member was chosen with enough confidence: configuration.fallback';
  const reason = members.length === 0 ? NOT_SURE.error.message : sure.length > 0 ? why : isFallback;
  const scores = new Map(scored.map(({ member, confidence }) => [member, confidence]));
  const candidates = team.members.map(({ name: member }) => {
    const score = scores.get(member) ?? 0;
    return method === 'llm' && members.length > 0 ? { member } : { member, score };
  });
  return { members, decision: { method, chosen, reason, candidates } };
}

function byWords({ members }: Team, task: string): RankedMember[] {
  const offers = members.map(({ name, description = '', capabilities = [], domain = '' }) => {
    return { name, description: [description, ...capabilities, domain].join(' '), parameters: {} };
  });
  const scores = lexicalScores(offers, queryStems(task));
  const sum = scores.reduce((all, score) => all + score, 0);
  return members
    .map(({ name }, at) => ({ member: name, confidence: sum > 0 ? (scores[at] ?? 0) / sum : 0 }))
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
    about: `You decide who is given a task; you do not do it. The members:\n${describeMembers(team)}`,
    task: runInputOf(state),
    outcome: () => 'It was given to them.',
  };
}
