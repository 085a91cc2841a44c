import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { stripCodeFence } from '../../text/strip-code-fence.ts';
import type { MemberTask } from './tasks.ts';

/** Verdict of an evaluator on an answer. */
export type EvaluatorVerdict = {
  /** Score from 0 to 1. */
  score: number;
  isGoodEnough: boolean;
  feedback: string;
};

export const VERDICT_SCHEMA: JsonSchema = {
  type: 'object',
  properties: {
    score: { type: 'number', minimum: 0, maximum: 1 },
    passed: { type: 'boolean' },
    feedback: { type: 'string', description: 'What has to change.' },
  },
  required: ['score', 'passed', 'feedback'],
  additionalProperties: false,
};

/**
 * Returns the verdict in the answer of an evaluator, when the answer is structured: data, or JSON
 * alone.
 */
export function verdictIn(
  { data, output }: MemberTask,
  enough: number,
): EvaluatorVerdict | undefined {
  const value = isJsonObject(data) ? data : parseVerdict(output);
  return isJsonObject(value) &&
    (typeof value.score === 'number' || typeof value.passed === 'boolean')
    ? verdictOf(value, enough)
    : undefined;
}

export function verdictOf(
  { score, passed, feedback }: JsonObject,
  enough: number,
): EvaluatorVerdict {
  const points = typeof score === 'number' ? score : passed === true ? 1 : 0;
  return {
    score: points,
    isGoodEnough: typeof passed === 'boolean' ? passed : points >= enough,
    feedback: typeof feedback === 'string' ? feedback : '',
  };
}

function parseVerdict(text: string): Json {
  try {
    return parseJson(stripCodeFence(text));
  } catch {
    return null;
  }
}
