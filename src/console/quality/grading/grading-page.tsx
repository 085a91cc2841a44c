import { Button, Loader, Paper, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import { messages } from '../../messages/messages.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import { apiUrl } from '../../server/base-path.ts';
import { FilesOf } from '../../values/files-of.tsx';
import { copyGrading } from '../copy-quality.ts';
import { evaluationPage, shownConversation, shownText } from '../quality-rows.ts';
import { LongText } from '../result-item.tsx';
import { GradeForm } from './grade-form.tsx';
import { type QueuedResult, useGradeQueue } from './use-grade-queue.ts';

const text = qualityTexts.grading;

/**
 * The page on which a person grades the results of an evaluation, one after the other. It says
 * neither who answered nor what graders and other people said.
 */
export function GradingPage({ id }: { id: string }) {
  const { list, shown, earlier, remaining, last, failure, ...queue } = useGradeQueue(id);
  const [grader, setGrader] = useState('');
  const isRead = list.data !== undefined;
  return (
    <>
      <PageTitle title={text.title} table="howdah.grade_queue">
        <Button size="xs" variant="subtle" component={Link} href={evaluationPage(id)}>
          {text.back}
        </Button>
        <CopyAs forms={copyGrading(id, shown?.evaluation_result_id, apiUrl('/'))} />
      </PageTitle>
      <Text size="sm" c="dimmed" mb="md">
        {text.blind}
      </Text>
      {list.failure && <FailureAlert failure={list.failure} onRetry={list.reload} />}
      {list.isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {failure && <FailureAlert failure={failure} />}
      <div className="grading-state">
        <Text size="sm" role="status">
          {isRead && text.remaining(remaining)}
        </Text>
        {last && queue.change && (
          <Button size="compact-xs" variant="default" onClick={queue.change}>
            {text.changeLast(text.scores[String(last.grade.score)] ?? String(last.grade.score))}
          </Button>
        )}
      </div>
      {isRead && !shown && (
        <Paper withBorder radius="md" p="md" ta="center">
          <Text size="sm">{text.none}</Text>
        </Paper>
      )}
      {shown && (
        <Paper withBorder radius="md" p="md" className="grading">
          <Question key={shown.evaluation_result_id} result={shown} />
          <GradeForm
            key={`${shown.evaluation_result_id} ${earlier !== undefined}`}
            {...{ earlier, isBusy: queue.isBusy, grade: queue.grade, skip: queue.skip }}
            graders={shown.graders}
            grader={shown.graders.includes(grader) ? grader : ''}
            chooseGrader={setGrader}
          />
        </Paper>
      )}
    </>
  );
}

/** The item, what is expected, and the answer. */
function Question({ result }: { result: QueuedResult }) {
  const { input, input_data, input_parts, history, expected, output, output_data } = result;
  const answer = shownText(output, output_data);
  const { results } = qualityTexts;
  return (
    <div className="grading-question">
      <LongText title={qualityTexts.items.conversation} value={shownConversation(history)} />
      <LongText title={results.input} value={shownText(input, input_data)} />
      <FilesOf parts={input_parts} />
      <LongText title={results.expected} value={shownText(null, expected)} />
      <LongText title={results.answer} value={answer || results.noAnswer} />
    </div>
  );
}
