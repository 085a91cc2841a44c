import { useState } from 'react';
import type { Json } from '../../../json/json.ts';
import { useAction } from '../../parts/use-action.ts';
import { callRest, useRest } from '../../server/rest.ts';

/** A result that the person has not graded. */
export type QueuedResult = {
  evaluation_result_id: string;
  input: string;
  input_data: Json;
  input_parts: Json;
  history: Json;
  expected: Json;
  output: string | null;
  output_data: Json;
  graders: string[];
};

/** The grade that a person gives. An empty grader stands for the whole result. */
export type Grade = { score: number; comment: string; grader: string };

type Graded = { result: QueuedResult; grade: Grade };
type Queue = { data: QueuedResult[]; remaining: number };

const MAX_RESULTS = 100;

/**
 * Returns the results of an evaluation that the person has not graded, one after the other. Skipped
 * ones come last. The last grade can be changed.
 */
export function useGradeQueue(id: string) {
  const list = useRest<Queue>(`/api/grade-queue?evaluation_id=${id}&limit=${MAX_RESULTS}`);
  const [graded, setGraded] = useState<ReadonlySet<string>>(new Set());
  const [skipped, setSkipped] = useState<ReadonlySet<string>>(new Set());
  const [last, setLast] = useState<Graded>();
  const [isChanging, setChanging] = useState(false);
  const { data = [], remaining = 0 } = list.data?.body ?? {};
  const waiting = data.filter((one) => !graded.has(one.evaluation_result_id));
  const next = waiting.find((one) => !skipped.has(one.evaluation_result_id)) ?? waiting[0];
  const shown = isChanging ? last?.result : next;
  const { start, failure, isBusy } = useAction(async (grade: Grade) => {
    if (!shown) return;
    await callRest('/api/grades', { method: 'POST', body: bodyOf(shown, grade) });
    setLast({ result: shown, grade });
    setChanging(false);
    setGraded(new Set([...graded, shown.evaluation_result_id]));
    if (!isChanging && waiting.length === 1) list.reload();
  });
  const skip = () => {
    if (isChanging) return setChanging(false);
    if (!shown) return;
    // after a round through all of them it begins again
    const before = skipped.size >= waiting.length - 1 ? [] : skipped;
    setSkipped(new Set([...before, shown.evaluation_result_id]));
  };
  return {
    ...{ list, shown, skip, failure, isBusy, last },
    earlier: isChanging ? last?.grade : undefined,
    remaining: remaining - (data.length - waiting.length),
    grade: start,
    change: last && !isChanging ? () => setChanging(true) : undefined,
  };
}

function bodyOf(result: QueuedResult, { score, comment, grader }: Grade) {
  return {
    evaluation_result_id: result.evaluation_result_id,
    score,
    comment: comment.trim() || null,
    grader: grader || null,
  };
}
