import type { AgentDefinition, Member, Team } from '../../contracts/agents/definition.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import { type Decider, decide, decisionsOf } from '../teams/decisions.ts';
import {
  type EvaluatorVerdict,
  VERDICT_SCHEMA,
  verdictIn,
  verdictOf,
} from '../teams/evaluator-verdict.ts';
import { type MemberTask, runInputOf, taskFor, tasksOf } from '../teams/tasks.ts';
import { failTeam, finishWith, startTasks, WAIT } from '../teams/team-actions.ts';

/**
 * One round. `shown` is the text that the deciding model read, when that model gave the verdict.
 */
type Round = { answer: MemberTask; verdict: EvaluatorVerdict; shown?: string };

/**
 * Returns the next action of an evaluator-optimizer workflow. A generator answers, an evaluator
 * judges the answer, and its feedback goes back to the generator. This is repeated until the answer
 * is good enough or the rounds are used up: then the best answer so far counts.
 */
export function nextEvaluatorOptimizerAction(definition: AgentDefinition, state: RunState): Action {
  const { members, configuration } = definition.workflow as Team;
  const [generator, evaluator] = members as [Member, Member | undefined];
  const tasks = tasksOf(state);
  const most = Number(configuration.max_rounds ?? 3);
  const enough = Number(configuration.min_score ?? 0.8);
  const rubric = String(configuration.rubric ?? 'Is it correct, complete and to the point?');
  const rounds: Round[] = [];
  for (let round = 1; round <= most; round += 1) {
    const answer = tasks.get(`generate:${round}`);
    if (!answer) {
      const task = taskFor(`generate:${round}`, generator, generatorInput(state, rounds.at(-1)));
      return startTasks(state, [task]);
    }
    if (answer.state !== 'answered') {
      return answer.state === 'live'
        ? WAIT
        : failTeam('member_failed', `the generator ${generator.name} failed: ${answer.error}`);
    }
    const judging = { round, rounds, answer, rubric, enough };
    const judgement = evaluateRound(definition, state, evaluator, judging);
    if (!('verdict' in judgement)) {
      return judgement;
    }
    rounds.push(judgement);
    if (judgement.verdict.isGoodEnough) {
      return finishWith(answer);
    }
  }
  const best = rounds.reduce((one, other) =>
    other.verdict.score > one.verdict.score ? other : one,
  );
  return finishWith(best.answer);
}

type Judging = {
  round: number;
  rounds: readonly Round[];
  answer: MemberTask;
  rubric: string;
  enough: number;
};

/** Returns the round with its verdict, or the action that is needed to get the verdict. */
function evaluateRound(
  definition: AgentDefinition,
  state: RunState,
  evaluator: Member | undefined,
  judging: Judging,
): Round | Action {
  const { round, answer, rubric, enough } = judging;
  if (!evaluator) {
    return byModel(definition, state, judging, `The answer:\n${answer.output}`);
  }
  const review = tasksOf(state).get(`evaluate:${round}`);
  if (!review) {
    const prompt = [
      `Judge this answer by: ${rubric}`,
      `The task:\n${runInputOf(state)}`,
      `The answer:\n${answer.output}`,
      `Answer with JSON alone: ${EXAMPLE}`,
    ].join('\n\n');
    return startTasks(state, [taskFor(`evaluate:${round}`, evaluator, prompt)]);
  }
  if (review.state !== 'answered') {
    return review.state === 'live'
      ? WAIT
      : failTeam('member_failed', `the evaluator ${evaluator.name} failed: ${review.error}`);
  }
  // the deciding model turns a verdict in words into a structured one; it is never guessed
  const verdict = verdictIn(review, enough);
  const both = `The answer:\n${answer.output}\n\nWhat was said of it:\n${review.output}`;
  return verdict ? { answer, verdict } : byModel(definition, state, judging, both);
}

const EXAMPLE = '{"score": 0.7, "passed": false, "feedback": "what has to change"}';

/**
 * Gets the verdict of the deciding model. The model reads one answer after the other, each after
 * its verdict on the answer before.
 */
function byModel(
  definition: AgentDefinition,
  state: RunState,
  { answer, rubric, enough, rounds }: Judging,
  shown: string,
): Round | Action {
  const earlier = rounds.flatMap((round) => round.shown ?? []);
  const texts = [...earlier, shown];
  const decider: Decider = {
    tool: { name: 'judge', description: 'Gives a verdict.', parameters: VERDICT_SCHEMA },
    about: `You judge answers by: ${rubric}`,
    task: `The task:\n${runInputOf(state)}\n\n${texts[0]}`,
    outcome: (index) => texts[index + 1] ?? '',
  };
  const decisions = decisionsOf(state, decider).filter(({ faults }) => faults.length === 0);
  const own = decisions[earlier.length];
  return own
    ? { answer, verdict: verdictOf(own.value, enough), shown }
    : decide(definition, state, decider);
}

function generatorInput(state: RunState, last: Round | undefined): string {
  return last
    ? [
        runInputOf(state),
        `Your last answer:\n${last.answer.output}`,
        `What has to change:\n${last.verdict.feedback || 'It is not good enough yet.'}`,
      ].join('\n\n')
    : runInputOf(state);
}
